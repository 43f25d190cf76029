"""The models of the summary sheet, which describe the bytes that `api.resources` writes."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.records.summary.domain.sheet import (
    Audience,
    CallRole,
    Chapter,
    LineOrigin,
    LineState,
    PatientSideRole,
)


class CitedDocumentView(BaseModel):
    """A document version that states a line."""

    document_id: UUID
    fact_id: UUID
    title: str | None = None
    author: str | None = None
    organisation: str | None = None
    day: date | None = None
    section: str | None = None


class LineDecisionView(BaseModel):
    """What a doctor decided about a line."""

    action: str = Field(examples=["confirmed"])
    doctor: str
    doctor_id: str
    at: datetime
    until: datetime | None = None
    reason: str | None = None


class DeclarationView(BaseModel):
    """Who of the patient side declares a line."""

    role: PatientSideRole
    at: datetime
    name: str | None = None


class SummaryLineView(BaseModel):
    """A line of the sheet."""

    id: UUID
    chapter: Chapter
    state: LineState
    origin: LineOrigin
    confirmable: bool
    is_old: bool
    conflict: int | None
    sources: list[CitedDocumentView]
    decisions: list[LineDecisionView]
    declaration: DeclarationView | None
    where: str | None
    fact: dict[str, Any]


class PersonToCallView(BaseModel):
    """A person to call."""

    role: CallRole
    name: str
    phone: str
    relation: str


class SheetCountsView(BaseModel):
    """What stands in the record beside the lines."""

    text_only: int
    unread: int
    pending: int


class SummaryView(BaseModel):
    """The summary sheet as its reader may see it."""

    record_id: UUID
    audience: Audience
    may_hold_masked: bool
    lines: list[SummaryLineView]
    people_to_call: list[PersonToCallView]
    counts: SheetCountsView
    written_at: datetime
