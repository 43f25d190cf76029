"""A professional who has proved who they are: what the proof says, held against the directory."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from services.identity.domain.directory import acting_structure
from services.identity.domain.kinds import Never, OccupationalMedicine, check_professional, never_of_professional
from services.identity.domain.modes import AccessMode, Stated, check_fitting, role_of_professional
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError

Method = Literal["pro-sante-connect", "card", "token-exchange"]
PSC_CLIENT: Final = "pro-sante-connect"
"""The client id in tokens of a professional who signed in at the provider by a browser."""
CARD_CLIENT: Final = "card"
"""The client id in tokens of a professional who signed in with a card."""
EMERGENCY_WINDOW: Final = timedelta(hours=1)
"""Over which the emergencies of a professional are counted."""
FRESH: Final = timedelta(minutes=2)
"""How old a proof of identity is at most that counts as a new sign-in."""


class NotInDirectoryError(ForbiddenError):
    """The directory has no active entry for you. Ask your professional body to correct it."""

    code = "professional-not-in-directory"
    french = "L’annuaire n’a pas d’inscription active pour vous. Demandez à votre ordre de la corriger."


class ProfessionDiffersError(ForbiddenError):
    """Your proof names another profession or specialty than the directory. Ask for one of the two to be corrected."""

    code = "profession-differs"
    french = "Votre preuve d’identité nomme une autre profession ou spécialité que l’annuaire. Faites corriger l’une."


class StructureDiffersError(ForbiddenError):
    """The structure named is not among your active structures in the directory and in your proof of identity."""

    code = "structure-differs"
    french = (
        "La structure nommée n’est pas parmi vos structures actives dans l’annuaire et dans votre preuve d’identité."
    )


class NewSignInNeededError(ForbiddenError):
    """You have opened many records in an emergency within the hour: the next one needs a proof of identity of the last
    two minutes. Sign in anew (at Pro Santé Connect with prompt=login, or with your card), and ask again."""

    code = "new-sign-in-needed"
    french = (
        "Vous avez ouvert beaucoup de dossiers en urgence en une heure : le suivant demande une preuve d’identité de "
        "moins de deux minutes. Reconnectez-vous (Pro Santé Connect avec prompt=login, ou votre carte), puis réessayez."
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """A professional as the directory lists them; `structure_ids` are the active ones, `sectors` theirs (TRE_R02)."""

    id: str
    profession: str
    is_active: bool
    specialties: frozenset[str]
    structure_ids: tuple[str, ...]
    sectors: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exercise:
    """A profession that a proof names: its code within its table, whether as a student, and the specialty if any."""

    profession: str
    is_student: bool = False
    specialty: str | None = None


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a proof of identity says; None: it says nothing about this. `authenticated_at`: when it was given."""

    id: str
    exercises: tuple[Exercise, ...] | None = None
    structure_ids: frozenset[str] | None = None
    authenticated_at: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Whether the person proved who they are just now."""
        return self.authenticated_at is not None and now - self.authenticated_at <= FRESH


@dataclass(frozen=True, slots=True)
class Admitted:
    """A professional who may be given a token, for one structure or none. `never`: what the token says of the kind."""

    id: str
    profession: str
    organisation_id: str | None
    never: Never | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of a professional; it lives as long as its token."""

    id: UUID
    professional_id: str
    organisation_id: str | None
    client_id: str
    method: Method
    stated: Stated
    started_at: datetime
    expires_at: datetime
    never: Never | None = None


@dataclass(frozen=True)
class SignInRules:
    """How professionals sign in here. `keys` derives what only this service may know; `motives` seals for audit;
    `centres_15`: the structures whose doctors regulate emergencies; `occupational_medicine`: the national parameter;
    `emergencies_per_hour`: how many of a mode a professional opens before each needs a fresh proof of identity."""

    keys: Keyring
    motives: Keyring | None
    emergency_life: timedelta
    centres_15: frozenset[str]
    emergencies_per_hour: Mapping[AccessMode, int]
    occupational_medicine: OccupationalMedicine = "never"


def sign_in_keys(persons: Keyring) -> Keyring:
    """The ring behind nonces and PKCE verifiers: derived, so that no key serves two purposes."""
    return Keyring(
        {kid: hmac.digest(key, b"identity.professionals.sign-in", hashlib.sha256) for kid, key in persons.keys.items()}
    )


def admit(listed: Listed | None, vouched: Vouched, wanted: str | None, stated: Stated, rules: SignInRules) -> Admitted:
    """The professional with profession and structure as the directory has them.

    Raises NotInDirectoryError, ProfessionDiffersError, StructureDiffersError, ActingStructureError,
    OccupationalMedicineNeverError, ModeNotFittingError.
    """
    if listed is None or not listed.is_active:
        raise NotInDirectoryError
    if vouched.exercises is not None and not any(_agrees(listed, one) for one in vouched.exercises):
        raise ProfessionDiffersError
    organisation = _structure(listed.structure_ids, vouched.structure_ids, wanted)
    specialties = listed.specialties or _specialties(vouched.exercises or ())
    never = never_of_professional(specialties, listed.sectors.get(organisation or ""))
    check_professional(never, rules.occupational_medicine)
    check_fitting(stated, role_of_professional(listed.profession, organisation, rules.centres_15, never))
    return Admitted(listed.id, listed.profession, organisation, never)


def _agrees(listed: Listed, exercise: Exercise) -> bool:
    table, _, number = listed.profession.partition("_")
    if exercise.profession != number or exercise.is_student != (table == "G16"):
        return False
    return exercise.specialty is None or not listed.specialties or exercise.specialty in listed.specialties


def _specialties(exercises: Sequence[Exercise]) -> frozenset[str]:
    return frozenset(one.specialty for one in exercises if one.specialty is not None)


def _structure(active: Sequence[str], vouched: frozenset[str] | None, wanted: str | None) -> str | None:
    if vouched is None:
        possible = list(active)
    else:
        possible = [one for one in active if one in vouched]
        if vouched and not possible:
            raise StructureDiffersError
    if wanted is not None and wanted not in possible:
        raise StructureDiffersError
    return acting_structure(possible, wanted)
