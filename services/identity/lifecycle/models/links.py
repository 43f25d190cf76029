"""API models of links between two records of one person."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.kit.bodies import Body
from services.identity.people.domain.new_person import RecordState
from services.identity.people.models import InForceStatus, RecordView


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
