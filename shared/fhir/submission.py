"""What an ITI-65 submission says, read and checked: plain values, no FHIR left in them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.cda.summary import CdaSummary
from shared.errors import InvalidError
from shared.fhir.outcomes import Issue
from shared.terminology.documents import DocumentType
from shared.values import Ins, NationalProfessionalId, NationalStructureId, RedactedRepr, SentTraits


class InvalidSubmissionError(InvalidError):
    """The submission cannot be accepted as it is; its issues say why and where."""

    code = "submission-invalid"

    def __init__(self, issues: tuple[Issue, ...], malformed: bool = False) -> None:
        super().__init__()
        self.issues = issues
        self.malformed = malformed
        """Not even JSON, or not a FHIR Bundle: an error of syntax (HTTP 400) and not of meaning (422)."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A code in its system; senders leave the system out at times."""

    system: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the original bytes: body[start:end]."""

    start: int
    end: int


class AuthorKind(StrEnum):
    """What kind of resource an author is."""

    PROFESSIONAL = "professional"
    ORGANISATION = "organisation"
    DEVICE = "device"
    PATIENT = "patient"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote the document: national ids as far as given. `role` in TRE_A02 or TRE_A00 form: G15_10/SM26, ALIM_AM."""

    kind: AuthorKind
    professional: NationalProfessionalId | None = None
    organisation: NationalStructureId | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """DocumentReference.relatesTo: a code (replaces, appends ...) and its target, a reference or a canonical id."""

    code: str
    target: str


@dataclass(frozen=True, slots=True, repr=False)
class SubmittedDocument(RedactedRepr):
    """One DocumentReference with its Binary. Dates are aware; partial ones stand for their first moment in UTC."""

    entry: int
    """Index of the DocumentReference in Bundle.entry."""
    binary_entry: int
    unique_id: str
    """masterIdentifier in one canonical form: urn:oid:1.2.3, urn:oid:1.2.3^extension or urn:uuid:<lower case>."""
    type: DocumentType
    class_sent: str | None
    """Code of the category that was sent, if any; the class that counts is type.class_code."""
    format: Coding
    labels: tuple[str, ...]
    """One of N, R, V, then MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX as far as sent."""
    ins: Ins | None
    """None where the record is known without it."""
    traits: SentTraits | None
    authors: tuple[Author, ...]
    custodian: NationalStructureId | None
    title: str
    language: str
    content_type: str
    creation: datetime
    date: datetime
    period_start: datetime
    period_end: datetime | None
    facility_type: Coding
    practice_setting: Coding
    sha1: bytes
    size: int
    content: bytes
    base64_span: Span | None
    """Where the base64 text stands in the body (without the quotes), when body[span] is exactly base64(content): then
    the body can be rebuilt from the rest and the content. None when it was written otherwise (line breaks, escapes)."""
    relations: tuple[Relation, ...] = ()
    header: CdaSummary | None = None
    """What the content says of itself, where it is a CDA."""


@dataclass(frozen=True, slots=True, repr=False)
class Submission(RedactedRepr):
    """A whole submission: one SubmissionSet, one patient, one document or more."""

    unique_id: str | None
    """The SubmissionSet's identifier (use usual), canonical like a document's; the PDSm examples leave it out."""
    source_id: str | None
    ins: Ins | None
    date: datetime
    documents: tuple[SubmittedDocument, ...]
    entries: tuple[str, ...]
    """resourceType of each Bundle.entry: a transaction-response has as many, in this order."""
