"""The people named for a record: its médecin traitant, representatives and carers."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import TypeAdapter

from shared.contracts.base import Code
from shared.contracts.identity import PeopleChanged, PersonNamed


@dataclass(frozen=True, slots=True)
class RecordPeople:
    """The whole state, without its version. It holds ids only: no name, no number."""

    attending_doctor_id: Code | None = None
    representatives: tuple[PersonNamed, ...] = ()
    carers: tuple[PersonNamed, ...] = ()
    is_minor: bool = False

    def as_json(self) -> bytes:
        """Returns the JSON for storage."""
        return _PEOPLE.dump_json(self, by_alias=True)

    @classmethod
    def from_json(cls, data: str | bytes) -> "RecordPeople":
        """Returns the people that `as_json` encoded."""
        return _PEOPLE.validate_json(data)

    def as_event(self, record_id: UUID, version: int) -> PeopleChanged:
        """Returns the event that announces the people at this version."""
        return PeopleChanged(
            record_id=record_id,
            version=version,
            attending_doctor_id=self.attending_doctor_id,
            representatives=self.representatives,
            carers=self.carers,
            is_minor=self.is_minor,
        )


_PEOPLE = TypeAdapter(RecordPeople)
