"""An ITI-65 submission after reading and checking: plain values without FHIR."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.cda.summary import CdaSummary
from shared.errors import InvalidError
from shared.fhir.outcomes import Issue
from shared.moments import NO_PARTIAL_DATES, PartialDates
from shared.terminology.documents import DocumentType
from shared.values import Ins, NationalProfessionalId, NationalStructureId, RedactedRepr, SentTraits


class InvalidSubmissionError(InvalidError):
    """The submission cannot be accepted as it is; its issues say why and where."""

    code = "submission-invalid"

    def __init__(self, issues: tuple[Issue, ...], malformed: bool = False) -> None:
        super().__init__()
        self.issues = issues
        self.malformed = malformed
        """Whether the body is not JSON or no FHIR Bundle: an error of syntax (HTTP 400), not of meaning (422)."""


@dataclass(frozen=True, slots=True)
class Coding:
    """A code in its system; some senders omit the system. `display`: its label as sent."""

    system: str | None
    code: str
    display: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The part of the original body that is the content, body[start:end]: its base64 text, or the content as it is."""

    start: int
    end: int
    is_base64: bool = True


class AuthorKind(StrEnum):
    """The kind of resource that an author is."""

    PROFESSIONAL = "professional"
    ORGANISATION = "organisation"
    DEVICE = "device"
    PATIENT = "patient"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Author:
    """An author, with the national ids given. `role` in TRE_A02 or TRE_A00 form: G15_10/SM26, ALIM_AM.

    `name`, `organisation_name`: as the submission shows them.
    """

    kind: AuthorKind
    professional: NationalProfessionalId | None = None
    organisation: NationalStructureId | None = None
    role: str | None = None
    name: str | None = None
    organisation_name: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """DocumentReference.relatesTo: a code (replaces, appends ...) and its target, a reference or a canonical id."""

    code: str
    target: str


@dataclass(frozen=True, slots=True)
class Concept:
    """A FHIR CodeableConcept: codings, whose codes may be missing beside a text."""

    codings: tuple[Coding, ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Identifier:
    """A FHIR Identifier: a value in its system."""

    system: str | None
    value: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A FHIR Reference, by URL, identifier or name."""

    reference: str | None = None
    type: str | None = None
    identifier: Identifier | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Narrative(RedactedRepr):
    """A FHIR Narrative: its status, and its XHTML as sent."""

    status: str
    div: str


@dataclass(frozen=True, slots=True, repr=False)
class OptionalElements(RedactedRepr):
    """Elements of a DocumentReference that are kept and given back as sent, and that no rule looks at.

    They are stored in this form: members are only added, each with a default.
    """

    description: str | None = None
    authenticator: Author | None = None
    custodian_name: str | None = None
    events: tuple[Concept, ...] = ()
    related: tuple[Reference, ...] = ()
    source_patient: tuple[Identifier, ...] = ()
    """The identifiers of the patient in the source system; the traits are compared, not kept."""
    narrative: Narrative | None = None
    encounters: tuple[Reference, ...] = ()
    """The stays or visits to which the document belongs; the documents of one depositor with one encounter are an
    episode."""


NO_OPTIONAL_ELEMENTS = OptionalElements()


@dataclass(frozen=True, slots=True, repr=False)
class SubmittedDocument(RedactedRepr):
    """One DocumentReference with its Binary. Datetimes are aware; a partial date is its first moment."""

    entry: int
    """Index of the DocumentReference in Bundle.entry."""
    binary_entry: int
    unique_id: str
    """masterIdentifier in canonical form: urn:oid:1.2.3, urn:oid:1.2.3^extension or urn:uuid:<lower case>."""
    type: DocumentType
    class_sent: str | None
    """The code of the category as sent, if any. The class in force is type.class_code."""
    format: Coding
    labels: tuple[str, ...]
    """One of N, R, V, then those sent of MASQUE_PS, INVISIBLE_PATIENT, INVISIBLE_REPRESENTANTS_LEGAUX."""
    ins: Ins | None
    """None when the record is known without an INS."""
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
    content_span: Span | None
    """Where the content is in the body: its base64 text (without the quotes), when body[span] is exactly
    base64(content), or the content itself. The body can then be rebuilt from its other parts and the content. None for
    other spellings (line breaks, escapes)."""
    relations: tuple[Relation, ...] = ()
    partial_dates: PartialDates = NO_PARTIAL_DATES
    optional: OptionalElements = NO_OPTIONAL_ELEMENTS
    not_kept: tuple[str, ...] = ()
    """Elements that were sent and are not kept."""
    header: CdaSummary | None = None
    """The summary of the content's header, when it is a CDA."""
    keeps_labels: bool = False
    """Whether this version takes over all labels of the document that it replaces (MODIF_CONF_CODE N in HL7 v2)."""
    place: str | None = None
    """Where the metadata are in the request, as a FHIRPath expression, such as Bundle.entry[1].resource; None where
    the content itself states them."""
    content_place: str | None = None
    """Where the content is in the request."""

    def place_of(self, element: str) -> str | None:
        """Returns the place of an element of the metadata, such as relatesTo."""
        return None if self.place is None else f"{self.place}.{element}"


@dataclass(frozen=True, slots=True, repr=False)
class Submission(RedactedRepr):
    """A whole submission: one SubmissionSet, one patient, one or more documents."""

    unique_id: str | None
    """The SubmissionSet's identifier (use usual) in canonical form. The PDSm examples have none."""
    source_id: str | None
    ins: Ins | None
    date: datetime
    documents: tuple[SubmittedDocument, ...]
    entries: tuple[str, ...]
    """The resourceType of each Bundle.entry; a transaction-response has as many entries, in this order."""
