"""The responses with emergencies: complete for the patient side, counts for structures."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.audit.accesses.models import NamedView
from services.audit.emergencies.domain import EmergencySession
from services.audit.emergencies.usecases.list_emergencies import EmergencyWithMotive
from shared.public_names import PublicNames


class DocumentReadView(BaseModel):
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
    motive: str | None = Field(description="as it was given; null if it was not given or cannot be decrypted")
    searches: int
    documents: list[DocumentReadView] = Field(
        description="documents that were read, without those that the reader may not know of"
    )

    @classmethod
    def of(cls, session: EmergencySession, motive: str | None, names: PublicNames) -> "EmergencyView":
        """Returns the view of a session."""
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
            documents=[DocumentReadView(document_id=id, read_at=at) for id, at in session.documents.items()],
        )


class EmergenciesView(BaseModel):
    """Emergency sessions, newest first."""

    emergencies: list[EmergencyView]

    @classmethod
    def of(cls, emergencies: list[EmergencyWithMotive], names: PublicNames) -> "EmergenciesView":
        """Returns the view of a list of emergencies."""
        return cls(emergencies=[EmergencyView.of(session, motive, names) for session, motive in emergencies])


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
    def of(cls, session: EmergencySession, names: PublicNames) -> "StructureEmergencyView":
        """Returns the view of a session, without patients, documents and motive."""
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
    """The emergency sessions of a structure in one week, newest first."""

    structure: NamedView
    week: str
    emergencies: list[StructureEmergencyView]

    @classmethod
    def of(
        cls, id: str, week: str, emergencies: list[EmergencySession], names: PublicNames
    ) -> "StructureEmergenciesView":
        """Returns the view of a structure's week."""
        listed = [StructureEmergencyView.of(session, names) for session in emergencies]
        return cls(structure=NamedView(id=id, name=names.structures.get(id)), week=week, emergencies=listed)


def _professional(session: EmergencySession, names: PublicNames) -> NamedView:
    id = session.first.actor_id
    return NamedView(id=id, name=names.professionals.get(id))


def _structure(id: str | None, names: PublicNames) -> NamedView | None:
    return None if id is None else NamedView(id=id, name=names.structures.get(id))
