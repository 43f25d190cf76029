"""Admission of a professional: their identity proof is compared with the directory."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from services.identity.directory.domain.directory import acting_structure
from services.identity.directory.domain.kinds import (
    Exclusion,
    OccupationalMedicine,
    check_professional,
    exclusion_of_professional,
)
from services.identity.professionals.domain.modes import StatedAccess, check_mode_allowed, role_of_professional
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError
from shared.terminology.access_modes import AccessMode

SignInMethod = Literal["pro-sante-connect", "card", "token-exchange"]
PSC_CLIENT: Final = "pro-sante-connect"
"""The client id in tokens of a professional who signed in at Pro Santé Connect with a browser."""
CARD_CLIENT: Final = "card"
"""The client id in tokens of a professional who signed in with a card."""
CLOCK_SKEW: Final = timedelta(seconds=5)
"""How far the clock of an identity provider may be ahead."""
EMERGENCY_WINDOW: Final = timedelta(hours=1)
"""The sliding window in which the emergencies of a professional are counted."""
MAX_FRESH_AGE: Final = timedelta(minutes=2)
"""The maximum age of an identity proof that counts as a new sign-in."""


class NotInDirectoryError(ForbiddenError):
    """The directory has no active entry for you. Ask your professional body to correct it."""

    code = "professional-not-in-directory"
    french = "L’annuaire n’a pas d’inscription active pour vous. Demandez à votre ordre de la corriger."


class ProfessionDiffersError(ForbiddenError):
    """Your identity proof names a profession or specialty that differs from the directory. Have one of the two
    corrected."""

    code = "profession-differs"
    french = "Votre preuve d’identité nomme une autre profession ou spécialité que l’annuaire. Faites corriger l’une."


class StructureDiffersError(ForbiddenError):
    """The structure is not among your active structures in the directory and in your identity proof."""

    code = "structure-differs"
    french = (
        "La structure nommée n’est pas parmi vos structures actives dans l’annuaire et dans votre preuve d’identité."
    )


class NewSignInNeededError(ForbiddenError):
    """You have opened many records in an emergency within the hour: the next one needs an identity proof of the last
    two minutes. Sign in again (at Pro Santé Connect with prompt=login, or with your card), then repeat the request."""

    code = "new-sign-in-needed"
    french = (
        "Vous avez ouvert beaucoup de dossiers en urgence en une heure : le suivant demande une preuve d’identité de "
        "moins de deux minutes. Reconnectez-vous (Pro Santé Connect avec prompt=login, ou votre carte), puis réessayez."
    )


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A professional in the directory. `structure_ids`: their active structures; `sectors`: the sector (TRE_R02) of
    each."""

    id: str
    profession: str
    is_active: bool
    specialties: frozenset[str]
    structure_ids: tuple[str, ...]
    sectors: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExercisedProfession:
    """A profession named by an identity proof: its code within its table, whether as a student, and any specialty."""

    profession: str
    is_student: bool = False
    specialty: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityProof:
    """The content of an identity proof; a field is None when the proof does not state it. `authenticated_at`: when the
    person authenticated."""

    id: str
    professions: tuple[ExercisedProfession, ...] | None = None
    structure_ids: frozenset[str] | None = None
    authenticated_at: datetime | None = None

    def is_fresh(self, now: datetime) -> bool:
        """Returns whether the person authenticated within the last two minutes."""
        return self.authenticated_at is not None and -CLOCK_SKEW <= now - self.authenticated_at <= MAX_FRESH_AGE


@dataclass(frozen=True, slots=True)
class AdmittedProfessional:
    """A professional who may get a token, for one structure or none. `never`: the excluded kind that the token
    states."""

    id: str
    profession: str
    organisation_id: str | None
    never: Exclusion | None = None


@dataclass(frozen=True, slots=True)
class ProfessionalSession:
    """A sign-in of a professional. The session lasts as long as its first token."""

    id: UUID
    professional_id: str
    organisation_id: str | None
    client_id: str
    method: SignInMethod
    stated_access: StatedAccess
    started_at: datetime
    expires_at: datetime
    never: Exclusion | None = None


@dataclass(frozen=True)
class ProfessionalRules:
    """The parameters of professional sign-in. `keys` derives secrets of this service; `motives` seals motives for
    audit; `centres_15`: the structures whose doctors regulate emergencies; `occupational_medicine`: the national
    parameter; `emergencies_per_hour`: per mode, how many a professional opens before each needs a fresh identity
    proof."""

    keys: Keyring
    motives: Keyring | None
    emergency_life: timedelta
    centres_15: frozenset[str]
    emergencies_per_hour: Mapping[AccessMode, int]
    occupational_medicine: OccupationalMedicine = "never"


def sign_in_keys(persons: Keyring) -> Keyring:
    """Returns the keyring for nonces and PKCE verifiers. It is derived from the keyring of persons, so that no key
    serves two purposes."""
    return Keyring(
        {kid: hmac.digest(key, b"identity.professionals.sign-in", hashlib.sha256) for kid, key in persons.keys.items()}
    )


def admit_professional(
    entry: DirectoryEntry | None,
    proof: IdentityProof,
    requested_structure: str | None,
    stated_access: StatedAccess,
    rules: ProfessionalRules,
) -> AdmittedProfessional:
    """Returns the admitted professional, with the directory's profession and structure.

    Raises NotInDirectoryError, ProfessionDiffersError, StructureDiffersError, ActingStructureError,
    OccupationalMedicineNeverError, ModeNotFittingError.
    """
    if entry is None or not entry.is_active:
        raise NotInDirectoryError
    if proof.professions is not None and not any(_agrees(entry, profession) for profession in proof.professions):
        raise ProfessionDiffersError
    organisation = _select_structure(entry.structure_ids, proof.structure_ids, requested_structure)
    specialties = entry.specialties or _specialties(proof.professions or ())
    exclusion = exclusion_of_professional(specialties, entry.sectors.get(organisation or ""))
    check_professional(exclusion, rules.occupational_medicine)
    check_mode_allowed(stated_access, role_of_professional(entry.profession, organisation, rules.centres_15, exclusion))
    return AdmittedProfessional(entry.id, entry.profession, organisation, exclusion)


def _agrees(entry: DirectoryEntry, profession: ExercisedProfession) -> bool:
    table, _, number = entry.profession.partition("_")
    if profession.profession != number or profession.is_student != (table == "G16"):
        return False
    return profession.specialty is None or not entry.specialties or profession.specialty in entry.specialties


def _specialties(professions: Sequence[ExercisedProfession]) -> frozenset[str]:
    return frozenset(profession.specialty for profession in professions if profession.specialty is not None)


def _select_structure(active: Sequence[str], proven: frozenset[str] | None, requested: str | None) -> str | None:
    if proven is None:
        possible = list(active)
    else:
        possible = [structure_id for structure_id in active if structure_id in proven]
        if proven and not possible:
            raise StructureDiffersError
    if requested is not None and requested not in possible:
        raise StructureDiffersError
    return acting_structure(possible, requested)
