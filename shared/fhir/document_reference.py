"""Reads one DocumentReference of a submission with its Binary (PDSm comprehensive profile 3.1.1, IHE MHD 4.2).

The mandatory elements are those of the profile except `custodian`, which the DMP draft leaves out, and `category`,
because the class follows from the type, whatever is sent.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.fhir import contents, parties
from shared.fhir.dates import includes
from shared.fhir.node import Node, canonical_identifier
from shared.fhir.optional_elements import coding_of, not_kept, read_optional, read_relations
from shared.fhir.outcomes import IssueType
from shared.fhir.references import resolve
from shared.fhir.submission import Author, Coding, OptionalElements, Relation, Span, SubmittedDocument
from shared.moments import PartialDates
from shared.terminology import oids, visibility
from shared.terminology.documents import DocumentType, document_type
from shared.terminology.visibility import Label
from shared.values import Ins, NationalStructureId, SentTraits

_TITLE_LIMIT: Final = 255


@dataclass(frozen=True, slots=True)
class BinaryEntry:
    """A Binary of the Bundle, decoded."""

    index: int
    node: Node
    content: bytes
    span: Span | None


@dataclass(frozen=True, slots=True)
class _Attachment:
    content_type: str
    language: str
    title: str
    creation: datetime
    partial_creation: str | None
    sha1: bytes
    size: int
    format: Coding


@dataclass(frozen=True, slots=True)
class _Period:
    start: datetime
    end: datetime | None
    partial_start: str | None
    partial_end: str | None


@dataclass(frozen=True, slots=True)
class _Context:
    period: _Period
    facility_type: Coding
    practice_setting: Coding


@dataclass(frozen=True, slots=True)
class _Parties:
    ins: Ins
    traits: SentTraits | None
    authors: tuple[Author, ...]
    custodian: NationalStructureId | None
    optional: OptionalElements


@dataclass(frozen=True, slots=True)
class _Document:
    unique_id: str
    type: DocumentType
    class_sent: str | None
    labels: tuple[str, ...]
    date: datetime
    relations: tuple[Relation, ...]


def read(index: int, node: Node, entries: dict[str, Node], binary: BinaryEntry | None) -> SubmittedDocument | None:
    """Returns the document, or None when something is wrong; the node's report then contains the issues."""
    _refuse_what_changes_meaning(node)
    document = _document(node, entries)
    people = _parties(node, entries)
    attachment = _attachment(node, binary)
    context = _context(node)
    if not (document and people and attachment and context and binary):
        return None
    return SubmittedDocument(
        entry=index,
        binary_entry=binary.index,
        unique_id=document.unique_id,
        type=document.type,
        class_sent=document.class_sent,
        format=attachment.format,
        labels=document.labels,
        ins=people.ins,
        traits=people.traits,
        authors=people.authors,
        custodian=people.custodian,
        title=attachment.title,
        language=attachment.language,
        content_type=attachment.content_type,
        creation=attachment.creation,
        date=document.date,
        period_start=context.period.start,
        period_end=context.period.end,
        facility_type=context.facility_type,
        practice_setting=context.practice_setting,
        sha1=attachment.sha1,
        size=attachment.size,
        content=binary.content,
        content_span=binary.span,
        relations=document.relations,
        partial_dates=_partial_dates(attachment, context.period),
        optional=people.optional,
        not_kept=not_kept(node),
        place=node.path,
        content_place=f"{binary.node.path}.data",
    )


def _partial_dates(attachment: _Attachment, period: _Period) -> PartialDates:
    return PartialDates(attachment.partial_creation, period.partial_start, period.partial_end)


def _document(node: Node, entries: dict[str, Node]) -> _Document | None:
    unique_id, kind, labels = _unique_id(node), _type(node), _labels(node)
    date = node.instant("date", required=True)
    relations = read_relations(node, entries)
    if not (unique_id and kind and labels and date):
        return None
    return _Document(unique_id, kind, _class_sent(node), labels, date, relations)


def _parties(node: Node, entries: dict[str, Node]) -> _Parties | None:
    resources = parties.Resources(node, entries)
    ins = parties.subject_ins(node, resources)
    traits = parties.source_traits(node, resources, ins)
    authors = parties.authors(node, resources)
    custodian = parties.custodian(node, resources)
    optional = read_optional(node, resources)
    return _Parties(ins, traits, authors, custodian, optional) if ins is not None and authors else None


def content_url(node: Node) -> str | None:
    """The absolute URL of the content, which names a Binary of the Bundle; None, without report, without one."""
    content = node.value.get("content")
    first = content[0] if isinstance(content, list) and content else None
    attachment = first.get("attachment") if isinstance(first, dict) else None
    url = attachment.get("url") if isinstance(attachment, dict) else None
    return resolve(url, node.full_url) if isinstance(url, str) else None


def _refuse_what_changes_meaning(node: Node) -> None:
    node.forbid("modifierExtension", reason="it would change the meaning of the rest")
    node.forbid("docStatus", reason="the profile forbids it, only final documents are deposited")
    if (status := node.text("status", required=True)) is not None and status != "current":
        node.wrong("status", "must be current in a deposit")


def _unique_id(node: Node) -> str | None:
    identifier = node.child("masterIdentifier", required=True)
    value = identifier.text("value", required=True) if identifier is not None else None
    if identifier is None or value is None:
        return None
    canonical = canonical_identifier(identifier.text("system"), value)
    if canonical is None:
        identifier.wrong("value", "must be urn:oid:<OID> or urn:uuid:<UUID> under system urn:ietf:rfc:3986")
    return canonical


def _type(node: Node) -> DocumentType | None:
    concept = node.child("type", required=True)
    if concept is None:
        return None
    for coding in concept.children("coding", required=True):
        system, code = coding.text("system"), coding.text("code")
        if system is not None and code is not None and (known_type := document_type(code, system)) is not None:
            return known_type
    concept.report.add(
        "type-unknown",
        f"The type is not in the value set of the DMP ({oids.JDV_J66}): a LOINC or TRE_A05 code with its system.",
        concept.path,
        IssueType.CODE_INVALID,
    )
    return None


def _class_sent(node: Node) -> str | None:
    for concept in node.children("category"):
        for coding in concept.children("coding"):
            if coding.value.get("system") == oids.TRE_A03_SYSTEM:
                return coding.text("code")
    return None


def _labels(node: Node) -> tuple[str, ...] | None:
    """Returns the security labels; None when there is none or an unknown one, because a label must not be lost."""
    labels: list[Label] = []
    for concept in node.children("securityLabel", required=True):
        for coding in concept.children("coding", required=True):
            code, system = coding.text("code", required=True), coding.text("system")
            label = visibility.label(code, system) if code is not None else None
            if label is not None:
                labels.append(label)
            elif code is not None:
                coding.wrong(
                    "code",
                    "is unknown: use N, R, V, MASQUE_PS, INVISIBLE_PATIENT or INVISIBLE_REPRESENTANTS_LEGAUX",
                    "security-label-unknown",
                    IssueType.CODE_INVALID,
                )
                return None
    return visibility.normalised(labels) if labels else None


def _attachment(node: Node, binary: BinaryEntry | None) -> _Attachment | None:
    nodes = node.children("content", required=True)
    if len(nodes) > 1:
        node.wrong("content", "must be one: a document has one content", "element-repeated", IssueType.STRUCTURE)
    attachment = nodes[0].child("attachment", required=True) if nodes else None
    if attachment is None:
        return None
    attachment.forbid("data", reason="the content travels in a Binary")
    format_ = nodes[0].child("format", required=True)
    coding = coding_of(format_)
    language = attachment.text("language", required=True, limit=32)
    title = attachment.text("title", required=True, limit=_TITLE_LIMIT)
    creation = attachment.moment("creation", required=True)
    if binary is None:
        return None
    content_type = contents.content_type_of(attachment, binary.node)
    sha1 = contents.sha1_of(attachment, binary.content)
    size = contents.size_of(attachment, binary.content)
    if not (content_type and language and title and creation and sha1 and coding) or size is None:
        return None
    partial = attachment.partial_date("creation")
    return _Attachment(content_type, language, title, creation, partial, sha1, size, coding)


def _context(node: Node) -> _Context | None:
    context = node.child("context", required=True)
    if context is None:
        return None
    period = context.child("period", required=True)
    read_period = _period(period) if period is not None else None
    facility = _concept(context, "facilityType")
    practice = _concept(context, "practiceSetting")
    if read_period is None or facility is None or practice is None:
        return None
    return _Context(read_period, facility, practice)


def _period(period: Node) -> _Period | None:
    """Returns the period as it was sent; None, with a report, when it ends before it starts (FHIR R4, per-1)."""
    start, end = period.moment("start", required=True), period.moment("end")
    if start is None:
        return None
    if end is not None and end < start and not includes(period.value["end"], period.value["start"], start):
        period.wrong("end", "is before its start")
        return None
    return _Period(start, end, period.partial_date("start"), period.partial_date("end"))


def _concept(node: Node, name: str) -> Coding | None:
    """Returns the first coding of a mandatory CodeableConcept."""
    concept = node.child(name, required=True)
    codings = concept.children("coding", required=True) if concept is not None else []
    return coding_of(codings[0]) if codings else None
