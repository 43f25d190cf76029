"""The access modes: stated in a token request, and carried by the token, with a sealed motive in an emergency.

Codes are those of TRE_R248-ModeAcces; `secret` is the secret connection of a minor. Emergencies: Code de la santé
publique L1111-17 I. Software alone (indirect authentication) always works in `normal` mode.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal, get_args
from uuid import UUID

from services.identity.directory.domain.kinds import Exclusion
from shared.contracts.audit import MOTIVE
from shared.crypto.commitment import record_commitment
from shared.crypto.keyring import Keyring
from shared.errors import ForbiddenError, InvalidError
from shared.human_text import has_control_character, without_invisible
from shared.terminology.access_modes import EMERGENCY_MODES, AccessMode
from shared.terminology.professions import DOCTOR
from shared.values import Ins

MODES: Final[tuple[AccessMode, ...]] = get_args(AccessMode)
MIN_MOTIVE_LENGTH, MAX_MOTIVE_LENGTH = 10, 500

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
ALLOWED_MODES: Final[Mapping[Role, frozenset[AccessMode]]] = {
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
"""The modes that each role may state. The last two roles never get a token."""


class ModeUnknownError(InvalidError):
    """The access mode must be one of: normal, bris_de_glace, centre_15, secret."""

    code = "mode-unknown"
    french = "Le mode d’accès est l’un de : normal, bris_de_glace, centre_15, secret."


class ModeNotFittingError(ForbiddenError):
    """You may not use this access mode: emergencies are for health professionals, centre_15 for the regulating doctors
    of a centre 15; software alone works in normal mode."""

    code = "mode-not-fitting"
    french = (
        "Ce mode d’accès n’est pas pour vous : l’urgence est réservée aux professionnels de santé, centre_15 aux "
        "médecins régulateurs d’un centre 15 ; un logiciel seul travaille en mode normal."
    )


class MotiveInvalidError(InvalidError):
    """An emergency access needs a motive of 10 to 500 characters; other modes take none."""

    code = "motive-invalid"
    french = "Un accès en urgence demande un motif de 10 à 500 caractères ; les autres modes n’en prennent pas."


class PatientNotNamedError(InvalidError):
    """An emergency access needs `patient` = urn:oid:<OID>|<INS>: request a token for each record. Other modes take no
    patient."""

    code = "patient-not-named"
    french = (
        "Un accès en urgence nomme la personne concernée, par `patient` = urn:oid:<OID>|<INS> : chaque dossier est "
        "demandé pour lui-même. Les autres modes n’en nomment pas."
    )


class EmergencyUnavailableError(ForbiddenError):
    """Emergency modes are not configured here: motives cannot be sealed. Tell the operator (PROFESSIONALS__MOTIVES)."""

    code = "emergency-unavailable"
    french = "Les accès en urgence ne sont pas configurés ici. Prévenez l’exploitant."


@dataclass(frozen=True, slots=True)
class StatedAccess:
    """A valid mode. In an emergency also the sealed motive (JWE) and the id of the record that it is for."""

    mode: AccessMode = "normal"
    motive: str | None = None
    record_id: UUID | None = None

    @property
    def is_emergency(self) -> bool:
        """Returns whether the mode overrides the patient's authorisation."""
        return self.mode in EMERGENCY_MODES

    def for_record(self, record_id: UUID) -> "StatedAccess":
        """Returns a copy for this record alone."""
        return replace(self, record_id=record_id)

    def commitment(self, session_id: UUID) -> str | None:
        """Returns the claim `emergency_record` of this session's tokens; None where no record is named."""
        return None if self.record_id is None else record_commitment(session_id, self.record_id)


def parse_stated_access(mode: str | None, motive: str | None, motives: Keyring | None) -> StatedAccess:
    """Checks the mode of a token request (by default `normal`) and seals its motive.

    Raises ModeUnknownError, MotiveInvalidError, EmergencyUnavailableError.
    """
    access_mode = next((known_mode for known_mode in MODES if known_mode == (mode or "normal")), None)
    if access_mode is None:
        raise ModeUnknownError
    if access_mode not in EMERGENCY_MODES:
        if motive is not None:
            raise MotiveInvalidError
        return StatedAccess(access_mode)
    text = _clean_motive(motive or "")
    if motives is None:
        raise EmergencyUnavailableError
    return StatedAccess(access_mode, motives.encrypt_jwe(text.encode(), MOTIVE))


def emergency_patient(stated_access: StatedAccess, patient: str | None) -> Ins | None:
    """Returns the INS of the patient of an emergency, from `urn:oid:<OID>|<INS>`; None in other modes.

    Raises PatientNotNamedError, InvalidInsError, UnknownInsSystemError.
    """
    if stated_access.is_emergency != (patient is not None):
        raise PatientNotNamedError
    return None if patient is None else Ins.from_token(patient)


def check_mode_allowed(stated_access: StatedAccess, role: Role) -> None:
    """Checks that the role may state the mode. Raises ModeNotFittingError."""
    if stated_access.mode not in ALLOWED_MODES[role]:
        raise ModeNotFittingError


def role_of_professional(
    profession: str, organisation_id: str | None, centres_15: frozenset[str], exclusion: Exclusion | None = None
) -> Role:
    """Returns the role of a professional for the choice of modes. `profession` is the directory's code (`G15_10`)."""
    if exclusion is not None:
        return "occupational-doctor"
    if not profession.startswith("G15_"):
        return "other-professional"
    if profession == DOCTOR and organisation_id in centres_15:
        return "regulating-doctor"
    return "health-professional"


def token_lifetime(stated_access: StatedAccess, default: timedelta, emergency: timedelta) -> timedelta:
    """Returns the lifetime of a token in this mode. In an emergency it is never longer than the default."""
    return min(default, emergency) if stated_access.is_emergency else default


def _clean_motive(motive: str) -> str:
    text = unicodedata.normalize("NFC", without_invisible(motive)).strip()
    has_surrogate = any(unicodedata.category(character) == "Cs" for character in text)
    readable = not has_surrogate and not has_control_character(text, has_lines=True)
    if not readable or not MIN_MOTIVE_LENGTH <= len(text) <= MAX_MOTIVE_LENGTH:
        raise MotiveInvalidError
    return text
