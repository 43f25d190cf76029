"""The people who may act for the holder of a record, from the local copy of identity's state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.records.copies.domain.choices import period_status
from shared.contracts.identity import PeopleChanged

_STORED_MEMBERS = ("representatives", "carers")


@dataclass(frozen=True, slots=True)
class People:
    """The representatives and carers of one record, in the event's JSON form."""

    representatives: Sequence[Mapping[str, Any]] = ()
    carers: Sequence[Mapping[str, Any]] = ()
    is_minor: bool = False

    def has(self, kind: str, person_id: str, now: datetime) -> bool:
        """Returns whether this person acts for the holder in this role at this moment.

        `person_id`: the id of the person's own record.
        """
        people = self.representatives if kind == "representative" else self.carers if kind == "carer" else ()
        return any(
            person["person_id"] == person_id and period_status(person["from"], person.get("until"), now) == "valid"
            for person in people
        )


NOBODY = People()


def stored_people(event: PeopleChanged) -> dict[str, Any]:
    """Returns the part of an event that the copy stores."""
    return event.model_dump(mode="json", by_alias=True, include=set(_STORED_MEMBERS))


def people_of(stored: Mapping[str, Any], is_minor: bool) -> People:
    """Returns the people from the copy's JSON (what `stored_people` returns)."""
    return People(stored["representatives"], stored["carers"], is_minor)
