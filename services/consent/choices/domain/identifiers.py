"""Resolves the identifier that a caller typed to the full identifier of a professional or structure. Pure."""

import re
from collections.abc import Collection, Mapping
from typing import Final

from services.consent.choices.domain.choices import Change, ChangeAction, Choices
from services.consent.copies.domain import DirectoryEntry
from shared.contracts.base import CODE_PATTERN
from shared.errors import InvalidError
from shared.national_ids import HolderKind, NationalIdAmbiguousError, NationalIdUnknownError, full_ids

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
    """The médecin traitant must be an active doctor in the directory: give their national id, 8 and the RPPS number."""

    code = "attending-doctor-unknown"
    french = (
        "Le médecin traitant est un médecin en activité de l’annuaire : donnez son identifiant, 8 puis son numéro RPPS."
    )


def possible_ids(text: str, kind: HolderKind | None) -> tuple[str, ...]:
    """Returns all identifiers that a text may stand for, sorted: the text itself, and the full identifiers."""
    return tuple(sorted({*full_ids(text, kind), *([text] if _is_code(text) else [])}))


def _is_code(text: str) -> bool:
    return len(text) <= LONGEST_ID and re.fullmatch(CODE_PATTERN, text) is not None


def resolve_id(text: str, kind: HolderKind | None, known_ids: Collection[str]) -> str:
    """Returns the identifier that the text stands for. `known_ids`: those that the directory has, and the caller's own.

    A text that is itself known stands for itself; a text with one possible identifier stands for that, known or not; of
    several possible ones the known one is meant. Raises NationalIdUnknownError, NationalIdAmbiguousError.
    """
    if text in known_ids:
        return text
    possible = full_ids(text, kind)
    matching = possible if len(possible) == 1 else [id for id in possible if id in known_ids]
    if len(matching) == 1:
        return matching[0]
    raise NationalIdAmbiguousError if possible else NationalIdUnknownError


def removable_ids(choices: Choices, action: ChangeAction) -> frozenset[str]:
    """Returns the identifiers that a change may take out of its list; none for a change that takes nothing out."""
    match action:
        case "end-authorisation":
            return frozenset(
                authorisation.holder_id for authorisation in choices.authorisations if authorisation.how != "care-team"
            )
        case "end-attestation":
            return frozenset(
                authorisation.holder_id for authorisation in choices.authorisations if authorisation.how == "care-team"
            )
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
    """Raises AttendingDoctorUnknownError if the change names anybody but an active doctor as médecin traitant."""
    if change.action == "name-attending-doctor" and (entry is None or not entry.is_doctor):
        raise AttendingDoctorUnknownError
