"""The access mode: stated when a token is asked for, carried in it, with the motive sealed where one is required.

Codes of TRE_R248-ModeAcces; `secret` is the secret connection of a minor. Emergencies: Code de la santé publique
L1111-17 I. Software alone (indirect authentication) is always `normal`.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal, get_args
from uuid import UUID

from services.identity.domain.kinds import Never
from shared.contracts.audit import MOTIVE
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError, InvalidError
from shared.terminology.professions import DOCTOR
from shared.values import Ins

AccessMode = Literal["normal", "bris_de_glace", "centre_15", "secret"]
MODES: Final[tuple[AccessMode, ...]] = get_args(AccessMode)
EMERGENCIES: Final[frozenset[AccessMode]] = frozenset({"bris_de_glace", "centre_15"})
SHORTEST_MOTIVE, LONGEST_MOTIVE = 10, 500

Role = Literal[
    "patient",
    "health-professional",
    "regulating-doctor",
    "occupational-doctor",
    "other-professional",
    "software",
    "administrator",
    "operator",
    "system",
    "unknown",
]
_NORMAL: Final[frozenset[AccessMode]] = frozenset({"normal"})
_CARE: Final[frozenset[AccessMode]] = frozenset({"normal", "bris_de_glace", "secret"})
FITTING: Final[Mapping[Role, frozenset[AccessMode]]] = {
    "patient": _NORMAL,
    "health-professional": _CARE,
    "regulating-doctor": _CARE | {"centre_15"},
    "occupational-doctor": _NORMAL,
    "other-professional": _NORMAL,
    "software": _NORMAL,
    "administrator": _NORMAL,
    "operator": _NORMAL,
    "system": frozenset(),
    "unknown": frozenset(),
}
"""Who may state which mode; the last two never get a token."""


class ModeUnknownError(InvalidError):
    """The access mode is one of: normal, bris_de_glace, centre_15, secret."""

    code = "mode-unknown"
    french = "Le mode d’accès est l’un de : normal, bris_de_glace, centre_15, secret."


class ModeNotFittingError(ForbiddenError):
    """This access mode is not for you: emergencies are for health professionals, centre_15 for the regulating doctors
    of a centre 15, software alone works in normal mode."""

    code = "mode-not-fitting"
    french = (
        "Ce mode d’accès n’est pas pour vous : l’urgence est réservée aux professionnels de santé, centre_15 aux "
        "médecins régulateurs d’un centre 15 ; un logiciel seul travaille en mode normal."
    )


class MotiveInvalidError(InvalidError):
    """An emergency access needs a motive of 10 to 500 characters; the other modes take none."""

    code = "motive-invalid"
    french = "Un accès en urgence demande un motif de 10 à 500 caractères ; les autres modes n’en prennent pas."


class PatientNotNamedError(InvalidError):
    """An emergency access names its patient, by `patient` = urn:oid:<OID>|<INS>: each record is asked for by itself.
    The other modes name none."""

    code = "patient-not-named"
    french = (
        "Un accès en urgence nomme son patient, par `patient` = urn:oid:<OID>|<INS> : chaque dossier est demandé pour "
        "lui-même. Les autres modes n’en nomment pas."
    )


class EmergencyUnavailableError(ForbiddenError):
    """Emergency modes are not set up here: motives could not be sealed. Tell the operator (PROFESSIONALS__MOTIVES)."""

    code = "emergency-unavailable"
    french = "Les accès en urgence ne sont pas configurés ici. Prévenez l’exploitant."


@dataclass(frozen=True, slots=True)
class Stated:
    """A mode that exists, with its motive sealed (JWE) and the one record that it is for where it needs them."""

    mode: AccessMode = "normal"
    motive: str | None = None
    record_id: UUID | None = None

    @property
    def is_emergency(self) -> bool:
        """Whether it goes around the patient's authorisation."""
        return self.mode in EMERGENCIES

    def naming(self, record_id: UUID) -> "Stated":
        """The emergency in this record alone."""
        return replace(self, record_id=record_id)


def state_mode(mode: str | None, motive: str | None, motives: Keyring | None) -> Stated:
    """What somebody states when asking for a token; nothing stated is `normal`.

    Raises ModeUnknownError, MotiveInvalidError, EmergencyUnavailableError.
    """
    wanted = next((one for one in MODES if one == (mode or "normal")), None)
    if wanted is None:
        raise ModeUnknownError
    if wanted not in EMERGENCIES:
        if motive is not None:
            raise MotiveInvalidError
        return Stated(wanted)
    text = _clean_motive(motive or "")
    if motives is None:
        raise EmergencyUnavailableError
    return Stated(wanted, motives.encrypt_jwe(text.encode(), MOTIVE))


def named_patient(stated: Stated, patient: str | None) -> Ins | None:
    """Whom an emergency is about: `urn:oid:<OID>|<INS>`; None in the other modes.

    Raises PatientNotNamedError, InvalidInsError, UnknownInsSystemError.
    """
    if stated.is_emergency != (patient is not None):
        raise PatientNotNamedError
    return None if patient is None else Ins.from_token(patient)


def check_fitting(stated: Stated, role: Role) -> None:
    """Raises ModeNotFittingError."""
    if stated.mode not in FITTING[role]:
        raise ModeNotFittingError


def role_of_professional(
    profession: str, organisation_id: str | None, centres_15: frozenset[str], never: Never | None = None
) -> Role:
    """What a professional is when a mode is stated; `profession` as the directory has it (`G15_10`)."""
    if never is not None:
        return "occupational-doctor"
    if not profession.startswith("G15_"):
        return "other-professional"
    if profession == DOCTOR and organisation_id in centres_15:
        return "regulating-doctor"
    return "health-professional"


def lifetime_of(stated: Stated, usual: timedelta, emergency: timedelta) -> timedelta:
    """How long a token in this mode lives: an emergency's never longer than the usual one."""
    return min(usual, emergency) if stated.is_emergency else usual


def _clean_motive(motive: str) -> str:
    text = unicodedata.normalize("NFC", motive.strip())
    readable = all(letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs") for letter in text)
    if not readable or not SHORTEST_MOTIVE <= len(text) <= LONGEST_MOTIVE:
        raise MotiveInvalidError
    return text
