"""API models of closing, objection, and links between two records of one person."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.kit.bodies import Body, Text
from services.identity.lifecycle.domain.lifecycle import LifecycleState, RequestChannel
from services.identity.lifecycle.usecases.object_to_opening import ObjectionOutcome
from services.identity.people.domain.new_person import Person, RecordState
from services.identity.people.models import InForceStatus, InsBody, RecordView, TraitsBody, parse_person


class CloseBody(Body):
    """The password of the holder's account, as a confirmation."""

    password: Text | None = Field(default=None, description="needed where the holder has an account")


class ObjectionBody(Body):
    """The person who objects to the opening of a record, and the channel of their statement."""

    ins: InsBody
    traits: TraitsBody
    channel: RequestChannel

    def person(self) -> Person:
        """Returns the person. Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError."""
        return parse_person(self.ins, self.traits)


class ObjectionView(BaseModel):
    """The person's state: `objected`, `none`, or the state of their record."""

    state: LifecycleState
    record_id: UUID | None

    @classmethod
    def of(cls, objection: ObjectionOutcome) -> "ObjectionView":
        """Returns the view of the outcome."""
        return cls(state=objection.state, record_id=objection.record_id)


class LinkBody(Body):
    """The other record of this person."""

    linked_to: Annotated[UUID, Field(strict=False)]


class LinkView(BaseModel):
    """Whether two records are linked, and whether both versions are in force."""

    linked: bool
    status: InForceStatus
    records: list[RecordView] = Field(description="both records, or only the one if it has no link")

    @classmethod
    def of(cls, records: tuple[RecordState, ...]) -> "LinkView":
        """Returns the view of one record or two."""
        return cls(
            linked=records[0].linked_to is not None,
            status="in-force" if all(record.is_in_force for record in records) else "on-its-way",
            records=[RecordView.of(record) for record in records],
        )
