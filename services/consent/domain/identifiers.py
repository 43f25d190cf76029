"""Whom a change is about: an identifier as somebody typed it becomes that of a holder of rights. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from services.consent.domain.choices import Change, ChangeAction, Choices
from shared.contracts.base import CODE_PATTERN
from shared.errors import InvalidError
from shared.national_ids import HolderKind, NationalIdAmbiguousError, NationalIdUnknownError, full_ids
from shared.terminology.professions import DOCTOR

LONGEST_ID: Final = 64
HOLDER_KINDS: Final[Mapping[ChangeAction, HolderKind | None]] = {
    "authorise-professional": None,
    "end-authorisation": None,
    "block-professional": None,
    "unblock-professional": None,
    "attest-care-team": "structure",
    "end-attestation": "structure",
    "withdraw-attestation-objection": "structure",
    "object-to-feeding": "structure",
    "withdraw-feeding-objection": "structure",
    "name-attending-doctor": "professional",
    "end-attending-doctor": "professional",
}
"""The changes that are about a professional or a structure, and about which of the two; None: either."""


class AttendingDoctorUnknownError(InvalidError):
    """The médecin traitant is a doctor in activity of the directory: give their national id, 8 and the RPPS number."""

    code = "attending-doctor-unknown"
    french = (
        "Le médecin traitant est un médecin en activité de l’annuaire : donnez son identifiant, 8 puis son numéro RPPS."
    )


@dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """What the public directory says of an identifier. `profession` None: a structure."""

    id: str
    profession: str | None
    active: bool

    @property
    def is_doctor(self) -> bool:
        """Whether this may be somebody's médecin traitant."""
        return self.active and self.profession == DOCTOR

    def is_of(self, kind: HolderKind | None) -> bool:
        """Whether this is a professional or a structure, as asked."""
        return kind is None or (kind == "structure") == (self.profession is None)


def possible_ids(text: str, kind: HolderKind | None) -> tuple[str, ...]:
    """All identifiers that a text may stand for: exactly this one, as the directory may have it, and the full ones."""
    return tuple(sorted({*full_ids(text, kind), *([text] if _is_code(text) else [])}))


def _is_code(text: str) -> bool:
    return len(text) <= LONGEST_ID and re.fullmatch(CODE_PATTERN, text) is not None


def resolve_id(text: str, kind: HolderKind | None, known: Collection[str]) -> str:
    """The identifier that is meant. `known`: those of the possible ones that the directory has, or the caller's own.

    What is written exactly as the directory has it is that; what can be one full identifier only is that, known or not;
    of several the one that is known. Raises NationalIdUnknownError, NationalIdAmbiguousError.
    """
    if text in known:
        return text
    possible = full_ids(text, kind)
    found = possible if len(possible) == 1 else [one for one in possible if one in known]
    if len(found) == 1:
        return found[0]
    raise NationalIdAmbiguousError if possible else NationalIdUnknownError


def listed_ids(choices: Choices, action: ChangeAction) -> frozenset[str]:
    """Whom a change that takes somebody out of a list may take out; nobody for all other changes."""
    match action:
        case "end-authorisation":
            return frozenset(one.holder_id for one in choices.authorisations if one.how != "care-team")
        case "end-attestation":
            return frozenset(one.holder_id for one in choices.authorisations if one.how == "care-team")
        case "unblock-professional":
            return frozenset(choices.blocked)
        case "end-attending-doctor":
            return frozenset(choices.attending_doctors)
        case "withdraw-feeding-objection":
            return frozenset(choices.feeding_objections)
        case "withdraw-attestation-objection":
            return frozenset(choices.attestation_objections)
        case _:
            return frozenset()


def check_attending_doctor(change: Change, entry: DirectoryEntry | None) -> None:
    """Only doctors hold the status. Raises AttendingDoctorUnknownError."""
    if change.action == "name-attending-doctor" and (entry is None or not entry.is_doctor):
        raise AttendingDoctorUnknownError
