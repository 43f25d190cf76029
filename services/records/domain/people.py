"""Who may act for the holder of a record, as the copy of identity's word has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.records.domain.choices import standing
from shared.contracts.identity import PeopleChanged

_LISTS = ("representatives", "carers")


@dataclass(frozen=True, slots=True)
class People:
    """Representatives and carers of one record, as the event writes them in JSON."""

    representatives: Sequence[Mapping[str, Any]] = ()
    carers: Sequence[Mapping[str, Any]] = ()
    is_minor: bool = False

    def has(self, kind: str, person_id: str, now: datetime) -> bool:
        """Whether this person (the id of their own record) is one of that kind at this moment."""
        named = self.representatives if kind == "representative" else self.carers if kind == "carer" else ()
        return any(
            one["person_id"] == person_id and standing(one["from"], one.get("until"), now) == "valid" for one in named
        )


NOBODY = People()


def kept_people(event: PeopleChanged) -> dict[str, Any]:
    """What the copy keeps of an event."""
    return event.model_dump(mode="json", by_alias=True, include=set(_LISTS))


def people_of(kept: Mapping[str, Any], is_minor: bool) -> People:
    """What `kept_people` gave."""
    return People(kept["representatives"], kept["carers"], is_minor)
