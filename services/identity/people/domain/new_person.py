"""Persons and contacts with their checks for the opening of a record, and the comparison with a known person."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, get_args
from uuid import UUID

from shared.errors import ConflictError, NotFoundError
from shared.human_text import has_control_character
from shared.values import InvalidTraitsError, Sex, StrictTraits

OpeningChannel = Literal[
    "online",
    "pharmacist",
    "doctor",
    "nurse",
    "other-professional",
    "hospital",
    "cpam-agent",
    "care-home",
    "automatic",
    "representative",
]
OPENING_CHANNELS: Final[tuple[OpeningChannel, ...]] = get_args(OpeningChannel)


class TraitsDifferError(ConflictError):
    """This INS has a record with other strict traits. Check the identity of the person."""

    code = "traits-differ"
    french = "Cet INS a un dossier sous d’autres traits stricts. Vérifiez l’identité de la personne."


class RecordUnknownError(NotFoundError):
    """There is no such record, or none that you may see."""

    code = "record-unknown"
    french = "Ce dossier n’existe pas, ou vous ne pouvez pas le voir."


@dataclass(frozen=True, slots=True)
class RecordState:
    """The state of a record here, and the version in force in the service that decides about reads."""

    id: UUID
    version: int
    in_force_version: int
    state: Literal["open", "closed"] = "open"
    linked_to: UUID | None = None

    @property
    def is_in_force(self) -> bool:
        """Returns whether records has applied this version."""
        return self.in_force_version >= self.version


def check_traits(traits: StrictTraits, today: date) -> None:
    """Checks the values of well-formed traits. Raises InvalidTraitsError."""
    names = (traits.birth_name or "") + (traits.given_name or "")
    if traits.birth_date is None or traits.sex is None or has_control_character(names):
        raise InvalidTraitsError
    if date.fromisoformat(traits.birth_date) > today:
        raise InvalidTraitsError


def parse_sex(text: str) -> Sex:
    """Returns the sex from its FHIR code. Raises InvalidTraitsError."""
    try:
        return Sex(text)
    except ValueError:
        raise InvalidTraitsError("The sex is male, female or unknown.") from None


def are_same_person(recorded: dict[str, str], stated: dict[str, str]) -> bool:
    """Returns whether two sets of normalised traits describe one person.

    Traits missing or unknown on one side are not compared.
    """
    shared_names = recorded.keys() & stated.keys()
    compared = (name for name in shared_names if Sex.UNKNOWN.value not in (recorded[name], stated[name]))
    return all(recorded[name] == stated[name] for name in compared)
