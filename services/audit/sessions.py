"""What audit answers about emergencies: whole to the person's side, counts to structures."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.audit.domain import Names
from services.audit.emergencies import EmergencySession
from services.audit.models import NamedView


class ReadView(BaseModel):
    """One document that was read."""

    document_id: UUID
    read_at: datetime


class EmergencyView(BaseModel):
    """One session of a professional who opened the record in an emergency."""

    professional: NamedView
    profession: str | None = Field(description="TRE_G15")
    organisation: NamedView | None
    mode: str = Field(description="bris_de_glace or centre_15")
    since: datetime = Field(serialization_alias="from")
    until: datetime
    motive: str | None = Field(description="as it was given; of an erased key nothing can be read")
    searches: int
    documents: list[ReadView] = Field(description="those read, without what the reader of this list may not know of")

    @classmethod
    def of(cls, session: EmergencySession, motive: str | None, names: Names) -> "EmergencyView":
        """As it is shown."""
        first = session.first
        return cls(
            professional=_professional(session, names),
            profession=first.profession,
            organisation=_structure(first.organisation_id, names),
            mode=first.mode,
            since=first.occurred_at,
            until=session.until,
            motive=motive,
            searches=session.searches,
            documents=[ReadView(document_id=id, read_at=at) for id, at in session.documents.items()],
        )


class EmergenciesView(BaseModel):
    """The newest first."""

    emergencies: list[EmergencyView]

    @classmethod
    def of(cls, found: list[tuple[EmergencySession, str | None]], names: Names) -> "EmergenciesView":
        """As they are shown."""
        return cls(emergencies=[EmergencyView.of(session, motive, names) for session, motive in found])


class StructureEmergencyView(BaseModel):
    """One session of one of the structure's professionals."""

    professional: NamedView
    profession: str | None
    mode: str
    since: datetime = Field(serialization_alias="from")
    until: datetime
    records: int
    documents: int
    motive_given: bool

    @classmethod
    def of(cls, session: EmergencySession, names: Names) -> "StructureEmergencyView":
        """As it is shown."""
        first = session.first
        return cls(
            professional=_professional(session, names),
            profession=first.profession,
            mode=first.mode,
            since=first.occurred_at,
            until=session.until,
            records=len(session.records),
            documents=len(session.documents),
            motive_given=session.motive is not None,
        )


class StructureEmergenciesView(BaseModel):
    """A week of a structure, the newest first."""

    structure: NamedView
    week: str
    emergencies: list[StructureEmergencyView]

    @classmethod
    def of(cls, id: str, week: str, found: list[EmergencySession], names: Names) -> "StructureEmergenciesView":
        """As it is shown."""
        listed = [StructureEmergencyView.of(session, names) for session in found]
        return cls(structure=NamedView(id=id, name=names.structures.get(id)), week=week, emergencies=listed)


def _professional(session: EmergencySession, names: Names) -> NamedView:
    id = session.first.actor_id
    return NamedView(id=id, name=names.professionals.get(id))


def _structure(id: str | None, names: Names) -> NamedView | None:
    return None if id is None else NamedView(id=id, name=names.structures.get(id))
