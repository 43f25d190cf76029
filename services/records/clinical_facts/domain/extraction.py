"""Reads the clinical facts of a document: one walk over its sections, entries and statements."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID
from xml.etree.ElementTree import Element

from msgspec import structs

from services.records.clinical_facts.domain.context import (
    SUBJECT,
    Context,
    SectionContext,
    relation_of,
    section_context,
)
from services.records.clinical_facts.domain.elements import Narrative, Reader
from services.records.clinical_facts.domain.facts import FactBuilder
from services.records.clinical_facts.domain.model import ClinicalFact, Extraction, FactKind, UnreadableReason
from services.records.clinical_facts.domain.names import CODE, TEXT, VALUE, all_text, tag
from services.records.clinical_facts.domain.readers.observations import read_answer, read_directive, read_measure
from services.records.clinical_facts.domain.readers.problems import (
    read_adverse_effect,
    read_allergy,
    read_family,
    read_problem,
)
from services.records.clinical_facts.domain.readers.procedures import read_device, read_procedure
from services.records.clinical_facts.domain.readers.treatments import read_treatment, read_vaccination
from services.records.clinical_facts.domain.samplings import specimen_beside
from services.records.clinical_facts.domain.statements import (
    LINKS,
    ORGANIZER,
    STATEMENTS,
    Statement,
)
from services.records.clinical_facts.domain.templates import KIND_ORDER, KINDS, NEVER_FACTS
from shared.cda.body import BodyLimits, TooManyElementsError, read_document, summary_in
from shared.cda.errors import InvalidCdaError, NotCdaError, TooDeepError, TooLargeError
from shared.cda.summary import CdaSummary
from shared.terminology.oids import TRE_A05

ReadFacts = Callable[[Statement, FactBuilder, FactKind], Iterator[ClinicalFact]]

_READERS: Final[dict[FactKind, ReadFacts]] = {
    FactKind.RESULT: read_measure,
    FactKind.MEASURE: read_measure,
    FactKind.PROBLEM: read_problem,
    FactKind.ALLERGY: read_allergy,
    FactKind.ADVERSE_EFFECT: read_adverse_effect,
    FactKind.TREATMENT: read_treatment,
    FactKind.VACCINATION: read_vaccination,
    FactKind.PROCEDURE: read_procedure,
    FactKind.DEVICE: read_device,
    FactKind.PREGNANCY: read_answer,
    FactKind.LIFESTYLE: read_answer,
    FactKind.DIRECTIVE: read_directive,
    FactKind.FAMILY: read_family,
}


@dataclass(frozen=True, slots=True)
class ExtractionLimits:
    """How much of a document is read: its bytes, its elements, how deep statements are nested, and its facts."""

    size: int = 20 * 1024 * 1024
    elements: int = 100_000
    depth: int = 40
    facts: int = 5_000


DEFAULT_LIMITS: Final = ExtractionLimits()
_XML_TYPES: Final = frozenset({"text/xml", "application/xml", "application/hl7-cda+xml", "application/hl7-v3+xml"})
_REIMBURSEMENTS: Final = (TRE_A05, "REMB")
_COMPONENT, _SECTION, _ENTRY = tag("component"), tag("section"), tag("entry")
_BODY: Final = tag("structuredBody")


class _LimitReachedError(Exception):
    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason)
        self.reason = reason


def never_over() -> bool:
    """A deadline that never comes."""
    return False


def extract(
    content: bytes,
    content_type: str,
    version_id: UUID,
    *,
    limits: ExtractionLimits = DEFAULT_LIMITS,
    is_over: Callable[[], bool] = never_over,
    is_of_patient: Callable[[CdaSummary], bool] | None = None,
) -> Extraction:
    """Returns the facts of a document version, or why there are none; no content makes it raise.

    `is_over` is asked during the work and ends it when true. `is_of_patient` is asked about the header; a False makes
    the document unreadable.
    """
    if content_type.partition(";")[0].strip().lower() not in _XML_TYPES:
        return Extraction("none", reason="not-structured")

    def checkpoint() -> None:
        if is_over():
            raise _LimitReachedError("time-limit")

    try:
        document = read_document(content, BodyLimits(limits.size, limits.elements), checkpoint)
        if is_of_patient is not None and not is_of_patient(summary_in(document)):
            return Extraction("unreadable", reason="other-patient")
    except _LimitReachedError as limit:
        return Extraction("unreadable", reason=limit.reason)
    except NotCdaError:
        return Extraction("none", reason="not-structured")
    except InvalidCdaError as error:
        return Extraction("unreadable", reason=_reason_of(error))
    return _facts_of(document, version_id, limits, checkpoint)


def _reason_of(error: InvalidCdaError) -> UnreadableReason:
    match error:
        case TooManyElementsError():
            return "too-many-elements"
        case TooLargeError():
            return "too-large"
        case TooDeepError():
            return "too-deep"
        case _:
            return "xml-invalid"


def _facts_of(
    document: Element, version_id: UUID, limits: ExtractionLimits, checkpoint: Callable[[], None]
) -> Extraction:
    code, component = document.find(CODE), document.find(_COMPONENT)
    if code is not None and (code.get("codeSystem"), code.get("code")) == _REIMBURSEMENTS:
        return Extraction("none", reason="reimbursements")
    body = component.find(_BODY) if component is not None else None
    if body is None:
        return Extraction("none", reason="not-structured")
    walk = _Walk(Reader(Narrative(body)), FactBuilder(version_id), limits, checkpoint)
    reason: UnreadableReason | None = None
    try:
        walk.sections(body, Context(SectionContext(), ""))
    except _LimitReachedError as limit:
        reason = limit.reason
    if reason is not None:
        return Extraction("in-part" if walk.facts else "unreadable", tuple(walk.facts), walk.text_only, reason)
    return Extraction("read" if walk.facts else "none", tuple(walk.facts), walk.text_only)


@dataclass(slots=True)
class _Walk:
    """Goes through the sections and statements in their order and collects facts."""

    reader: Reader
    builder: FactBuilder
    limits: ExtractionLimits
    checkpoint: Callable[[], None]
    facts: list[ClinicalFact] = field(default_factory=list)
    text_only: int = 0
    _depth: int = 0

    def sections(self, parent: Element, outer: Context) -> None:
        """Reads the sections of a body or of a section."""
        for place, component in enumerate(parent):
            section = component.find(_SECTION) if component.tag == _COMPONENT else None
            if section is not None:
                path = f"{outer.path}.{place}" if outer.path else str(place)
                context = structs.replace(outer, section=section_context(section, outer.section), path=path)
                self._enter()
                self._section(section, self._of_person(section, context))
                self._depth -= 1

    def _section(self, section: Element, context: Context) -> None:
        before = self._read
        for place, entry in enumerate(section):
            if entry.tag == _ENTRY:
                for statement, path in _statements(entry, f"{context.path}/{place}"):
                    self._statement(statement, structs.replace(context, path=path))
        text = section.find(TEXT)
        if self._read == before and text is not None and all_text(text) is not None:
            self.text_only += 1
        self.sections(section, context)

    @property
    def _read(self) -> int:
        return len(self.facts) + self.text_only

    def _statement(self, element: Element, context: Context) -> None:
        """Reads a statement: as facts by its template, else what stands in it, else it is counted as text."""
        self.checkpoint()
        statement = Statement(element, self._of_person(element, context), self.reader)
        if not NEVER_FACTS.isdisjoint(statement.templates):
            return
        before = self._read
        self._read_facts(statement)
        if len(self.facts) > self.limits.facts:
            raise _LimitReachedError("too-many-facts")
        if self._read == before:
            self._enter()
            self._inner(statement)
            self._depth -= 1
        if self._read == before and _says_something(statement):
            self.text_only += 1

    def _read_facts(self, statement: Statement) -> None:
        kinds = [KINDS[template] for template in statement.templates if template in KINDS]
        if not kinds:
            return
        kind = min(kinds, key=KIND_ORDER.index)
        if statement.is_void or (statement.context.is_other_person and kind is not FactKind.FAMILY):
            self.text_only += 1
            return
        self.reader.forget()
        self.facts.extend(_READERS[kind](statement, self.builder, kind))

    def _inner(self, statement: Statement) -> None:
        context, is_organizer = statement.context, statement.element.tag == ORGANIZER
        inner = structs.replace(
            context,
            parents=statement.templates,
            time=statement.time() if is_organizer else None,
            panel=(statement.code() if is_organizer else None) or context.panel,
            parties=statement.parties(),
            specimen=specimen_beside(statement) or context.specimen,
        )
        for place, link in enumerate(statement.element):
            if link.tag in LINKS:
                relationship = link.get("typeCode", "")
                for child, path in _statements(link, f"{context.path}/{place}"):
                    self._statement(child, structs.replace(inner, path=path, relationship=relationship))

    def _of_person(self, element: Element, context: Context) -> Context:
        """Returns the context with the other person whom a `subject` names; whatever stands below is about them."""
        subject = element.find(SUBJECT)
        if subject is None:
            return context
        return structs.replace(context, is_other_person=True, relation=relation_of(subject, self.reader))

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > self.limits.depth:
            raise _LimitReachedError("too-deep")


def _statements(link: Element, path: str) -> Iterator[tuple[Element, str]]:
    """Yields the statements of an entry or a link with their paths; there should be one only."""
    number = 0
    for child in link:
        if child.tag in STATEMENTS:
            yield child, f"{path}+{number}" if number else path
            number += 1


def _says_something(statement: Statement) -> bool:
    """Whether a statement has a code or a value."""
    code = statement.first(CODE)
    if code is not None and (code.get("code") or len(code)):
        return True
    value = statement.first(VALUE)
    return value is not None and bool(value.get("code") or value.get("value") or (value.text or "").strip())
