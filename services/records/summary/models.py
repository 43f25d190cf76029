"""The models of the summary sheet: what `domain.sheet_json` writes, and what a doctor signs."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.records.clinical_facts.domain.values import Coding
from services.records.reimbursements.models import PatientBody
from services.records.summary.domain.sheet import (
    Audience,
    CallRole,
    Chapter,
    LineOrigin,
    LineState,
    PatientSideRole,
    SheetDoctor,
    SheetPatient,
)
from services.records.summary.domain.signing_requests import OwnStatement, SigningRequest
from shared.http.tokens import Caller
from shared.moments import Moment
from shared.values import NationalProfessionalId, NationalStructureId


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


class DoctorBody(BaseModel):
    """The doctor who signs, as the version names them; the identity is that of the token."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    family_name: str = Field(min_length=1, max_length=100, examples=["FICTIF"])
    given_name: str = Field(min_length=1, max_length=100, examples=["Camille"])
    specialty: str = Field(default="G15_10/SM26", pattern=r"^G15_10/S[A-Z]{1,2}[0-9]{2}$", max_length=20)
    specialty_label: str = Field(default="Médecin - Qualifié en Médecine Générale (SM)", min_length=1, max_length=200)
    organisation: str | None = Field(default=None, max_length=200)

    def signer(self, caller: Caller) -> SheetDoctor:
        """Returns the doctor."""
        structure = caller.organisation_id
        return SheetDoctor(
            NationalProfessionalId(caller.id),
            self.family_name,
            self.given_name,
            self.specialty,
            self.specialty_label,
            None if structure is None else NationalStructureId(structure),
            self.organisation,
        )


class RejectedLineBody(BaseModel):
    """A line that the doctor rejects."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    id: UUID
    reason: str | None = Field(default=None, max_length=500)


class OwnLineBody(BaseModel):
    """A line that the doctor states."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    id: UUID
    chapter: Chapter
    text: str = Field(min_length=1, max_length=300)
    code: str | None = Field(default=None, max_length=40)
    code_system: str | None = Field(default=None, max_length=64, pattern=r"^[0-9.]+$")
    since: str | None = Field(default=None, pattern=r"^[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$")
    where: str | None = Field(default=None, max_length=300)
    negated: bool = False

    def statement(self) -> OwnStatement:
        """Returns the statement."""
        coding = None if self.code is None else Coding(self.code, self.code_system, self.text)
        return OwnStatement(self.id, self.chapter, self.text, coding, self.since, self.where, self.negated)


class SigningBody(BaseModel):
    """A version of the sheet: the lines that the doctor confirms, rejects and states; no other one is signed."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)
    written_at: Moment
    doctor: DoctorBody
    patient: PatientBody
    confirmed: list[UUID] = Field(default=[], max_length=2000)
    rejected: list[RejectedLineBody] = Field(default=[], max_length=2000)
    statements: list[OwnLineBody] = Field(default=[], max_length=100)

    def request(self, caller: Caller) -> SigningRequest:
        """Returns the request. Raises InvalidInsError, UnknownInsSystemError, InvalidTraitsError."""
        person = self.patient.parsed()
        return SigningRequest(
            doctor=self.doctor.signer(caller),
            patient=SheetPatient(person.ins, person.traits),
            written_at=self.written_at,
            confirmed=tuple(self.confirmed),
            rejected={line.id: line.reason for line in self.rejected},
            statements=tuple(statement.statement() for statement in self.statements),
        )


class SignatureBody(SigningBody):
    """A version, and the SHA-256 of its preview."""

    sha256: str = Field(pattern="^[0-9a-f]{64}$")
