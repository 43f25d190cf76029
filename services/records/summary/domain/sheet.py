"""The summary sheet as its readers see it: what every format writes, and nothing else.

A sheet is made for a reader: it holds only lines of documents that this reader may read. The writers of the formats
neither filter nor judge; they write all that stands here, in its order.

Source: Code de la santé publique, L1111-15; CI-SIS volet "Synthèse médicale" (IPS-FR 2024.01, ANS).
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from msgspec import Struct

from services.records.clinical_facts.domain.model import ClinicalFact
from shared.values import Ins, NationalProfessionalId, NationalStructureId, RedactedRepr, StrictTraits


class Chapter(StrEnum):
    """The chapters with lines, in the order in which an emergency doctor reads them."""

    BLOOD_GROUP = "blood-group"
    ALLERGIES = "allergies"
    TREATMENTS = "treatments"
    PROBLEMS = "problems"
    PROCEDURES = "procedures"
    IMPLANTS = "implants"
    PREGNANCY = "pregnancy"
    VACCINATIONS = "vaccinations"
    DIRECTIVES = "directives"
    """Advance directives, organ donation and the like: that they exist, and where."""


LineState = Literal["proposed", "confirmed", "rejected"]
"""A rejected line stays, folded; it is no negation."""

LineOrigin = Literal["document", "doctor", "patient-side"]
"""Who states the line: a document, a doctor of their own, or the patient side."""

PatientSideRole = Literal["patient", "representative", "carer"]
Audience = Literal["professional", "patient-side"]
Language = Literal["fr", "en"]
CallRole = Literal["emergency", "trusted", "help"]
_OVER: Final = frozenset({"inactive", "remission", "resolved"})
"""Clinical statuses (HL7 condition-clinical) of what is over."""


class CitedDocument(RedactedRepr, Struct, frozen=True, gc=False):
    """A document version that states the line, and the fact in it.

    `document_id`: the id of the version in the record; `title`: the document's own; `author`, `organisation`: names as
    the document shows them; `day`: of care, else of its creation.
    """

    document_id: UUID
    fact_id: UUID
    title: str | None = None
    author: str | None = None
    organisation: str | None = None
    day: date | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class LineDecision(RedactedRepr):
    """What a doctor decided about the line.

    `until`: the end of the doctor's status as médecin traitant; from then on the line is a proposal again. `reason`: of
    a rejection, in the doctor's words.
    """

    action: Literal["confirmed", "rejected"]
    doctor: str
    doctor_id: NationalProfessionalId
    at: datetime
    until: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Declaration(RedactedRepr):
    """Who of the patient side declares the line, and when. `name`: of a representative or a carer."""

    role: PatientSideRole
    at: datetime
    name: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SummaryLine(RedactedRepr):
    """A line. Every line has the shape of a fact, also that of a doctor or of the patient side.

    `id`: of the fact that it cites, else of the statement; unique in a sheet. `sources`: the documents that state it,
    the cited one first; none for a statement. `decisions`: newest first. `conflict`: the number, from 1, of the group
    of lines that contradict one another, which the chapter shows as such and nobody resolves. `where`: of a directive,
    where it is kept, in words. The fact's `marks` warn of the fact, such as code and text that disagree; its
    `statement` is `none` or `unknown` where the document says so, within `fact.scope`.
    """

    id: UUID
    chapter: Chapter
    fact: ClinicalFact
    origin: LineOrigin = "document"
    state: LineState = "proposed"
    sources: tuple[CitedDocument, ...] = ()
    decisions: tuple[LineDecision, ...] = ()
    declaration: Declaration | None = None
    is_old: bool = False
    conflict: int | None = None
    where: str | None = None

    @property
    def cited(self) -> CitedDocument | None:
        """The document version that the line cites; None for a statement."""
        return self.sources[0] if self.sources else None

    @property
    def is_over(self) -> bool:
        """Whether what it states is over, by its end or its clinical status."""
        fact = self.fact
        statuses = fact.clinical_status.codings if fact.clinical_status is not None else ()
        has_ended = fact.time is not None and fact.time.end is not None
        return has_ended or any(coding.code in _OVER for coding in statuses)


@dataclass(frozen=True, slots=True, repr=False)
class PersonToCall(RedactedRepr):
    """A person to call. `relation`: in the holder's own words; `phone`: E.164."""

    role: CallRole
    name: str
    phone: str
    relation: str


@dataclass(frozen=True, slots=True)
class SheetCounts:
    """What the reader may see beside the lines, and no line shows.

    `text_only`: what stands in words alone: statements without a code, documents without structure; `unread`: documents
    of which nothing, or only a part, could be read; `pending`: documents that are not read yet.
    """

    text_only: int = 0
    unread: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class SheetPatient(RedactedRepr):
    """The person of the record, as the request names them and as the record confirms."""

    ins: Ins
    traits: StrictTraits


@dataclass(frozen=True, slots=True, repr=False)
class SheetDoctor(RedactedRepr):
    """The doctor who signs a version. `specialty`: TRE_A02, such as G15_10/SM26, with its label.

    `sector` (TRE_A01) and `facility` (TRE_R66): of the practice, each a code with its label.
    """

    id: NationalProfessionalId
    family_name: str
    given_name: str
    specialty: str
    specialty_label: str
    organisation_id: NationalStructureId | None = None
    organisation: str | None = None
    sector: tuple[str, str] = ("AMBULATOIRE", "Ambulatoire")
    facility: tuple[str, str] = ("SA07", "Cabinet individuel")


@dataclass(frozen=True, slots=True, repr=False)
class SummarySheet(RedactedRepr):
    """The sheet for a reader at a moment.

    `lines`: by chapter, within it in the order in which they are shown. `patient`: None is anonymous. `signer`: the
    doctor for whom the sheet is a version to sign; None where it is only read. `version`: its number in the doctor's
    chain, from 1. `replaces`: the id (ClinicalDocument.id) of the version before it. The language is a choice of each
    writer; words of documents stay as they are.
    """

    record_id: UUID
    written_at: datetime
    audience: Audience
    lines: tuple[SummaryLine, ...] = ()
    people_to_call: tuple[PersonToCall, ...] = ()
    counts: SheetCounts = SheetCounts()
    patient: SheetPatient | None = None
    signer: SheetDoctor | None = None
    version: int = 1
    replaces: UUID | None = None

    def of(self, chapter: Chapter) -> tuple[SummaryLine, ...]:
        """Returns the lines of a chapter."""
        return tuple(line for line in self.lines if line.chapter is chapter)
