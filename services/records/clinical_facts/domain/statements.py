"""A clinical statement of a CDA (observation, procedure, supply ...) and what stands in it about itself.

Statements about a fact, such as its severity, certainty or comment, travel with it and are no facts of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.etree.ElementTree import Element

from services.records.clinical_facts.domain.context import TEMPLATE_ID, Context
from services.records.clinical_facts.domain.elements import Reader
from services.records.clinical_facts.domain.model import FactDetail, Reaction
from services.records.clinical_facts.domain.names import CODE, NAME, TEXT, VALUE, all_text, clean, tag
from services.records.clinical_facts.domain.templates import PROBLEM
from services.records.clinical_facts.domain.values import CodedValue, Concept, FactParty, FactTime, FactValue, Quantity
from shared.terminology.clinical import absent_statement

ACT, OBSERVATION, ORGANIZER = tag("act"), tag("observation"), tag("organizer")
PROCEDURE, SUPPLY, ENCOUNTER = tag("procedure"), tag("supply"), tag("encounter")
ADMINISTRATION: Final = tag("substanceAdministration")
STATEMENTS: Final = frozenset({ACT, OBSERVATION, ORGANIZER, PROCEDURE, SUPPLY, ENCOUNTER, ADMINISTRATION})
LINKS: Final = (tag("entryRelationship"), tag("component"))
EFFECTIVE_TIME: Final = tag("effectiveTime")
_PLANNED_MOODS: Final = frozenset({"INT", "RQO", "PRP", "PRMS", "ARQ", "APT"})
_VOID: Final = frozenset({"nullified", "cancelled", "aborted", "obsolete"})
_STATUS: Final = tag("statusCode")
ID: Final = tag("id")
_MOST_DETAILS: Final = 60
_PARTIES: Final = {
    tag("author"): ("author", tag("assignedAuthor"), tag("representedOrganization")),
    tag("performer"): ("performer", tag("assignedEntity"), tag("representedOrganization")),
}
_PARTICIPANT, _PARTICIPANT_ROLE = tag("participant"), tag("participantRole")
PARTY_TAGS: Final = frozenset({*_PARTIES, _PARTICIPANT})


@dataclass(slots=True)
class Subordinates:
    """What is said about a fact within its entry. `reason`: why a treatment or an act, and the cause of a problem."""

    severity: Concept | None = None
    certainty: Concept | None = None
    criticality: Concept | None = None
    clinical_status: Concept | None = None
    reason: Concept | None = None
    dose_number: str | None = None
    comments: list[str] = field(default_factory=list)
    instructions: list[str] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)
    details: list[FactDetail] = field(default_factory=list)


class Statement:
    """A statement and the means of reading it. Its children are sorted by name once."""

    __slots__ = ("_children", "context", "element", "reader", "templates")

    def __init__(self, element: Element, context: Context, reader: Reader) -> None:
        children: dict[str, list[Element]] = {}
        for child in element:
            children.setdefault(child.tag, []).append(child)
        self._children = children
        self.element = element
        self.context = context
        self.reader = reader
        self.templates = frozenset([root for child in self.all(TEMPLATE_ID) if (root := child.get("root"))])

    def all(self, name: str) -> Sequence[Element]:
        """Returns its children of this name (`tag`)."""
        return self._children.get(name, ())

    def first(self, name: str) -> Element | None:
        """Returns its first child of this name, or None."""
        children = self._children.get(name)
        return children[0] if children else None

    def linked(self) -> Iterator[Element]:
        """Yields the entryRelationships and components, which lead to the statements within it."""
        for name in LINKS:
            yield from self.all(name)

    @property
    def negated(self) -> bool:
        """Its own negationInd: that of another element never holds for it."""
        return self.element.get("negationInd") == "true"

    @property
    def is_planned(self) -> bool:
        """Whether its mood is an intention."""
        return self.element.get("moodCode") in _PLANNED_MOODS

    @property
    def is_event(self) -> bool:
        """Whether it happened or holds."""
        return self.element.get("moodCode", "EVN") == "EVN"

    @property
    def is_void(self) -> bool:
        """Whether it states nothing: a nullFlavor of its own, withdrawn or not carried out."""
        status = self.first(_STATUS)
        is_withdrawn = status is not None and status.get("code") in _VOID
        return is_withdrawn or self.element.get("nullFlavor") is not None

    def code(self) -> Concept | None:
        """Returns its code."""
        return self.reader.concept(self.first(CODE))

    def words(self) -> str | None:
        """Returns the words of the narrative to which it refers."""
        return self.reader.narrative.words(self.first(TEXT))

    def values(self) -> tuple[FactValue, ...]:
        """Returns its values; several codes are a single value."""
        values = [value for element in self.all(VALUE) if (value := self.reader.value(element)) is not None]
        if len(values) > 1 and all(isinstance(value, CodedValue) for value in values):
            codes = [concept for value in values if isinstance(value, CodedValue) for concept in value.concepts]
            return (CodedValue(tuple(codes)),)
        return tuple(values)

    def time(self) -> FactTime | None:
        """Returns its own time, else that of its organizer; None where both are unknown."""
        time = self.reader.time(self.first(EFFECTIVE_TIME))
        return time if time is not None and not time.is_unknown else self.context.time

    def ids(self) -> tuple[str, ...]:
        """Returns its identifiers, `OID^extension`."""
        return tuple(identifiers(self.all(ID)))

    def parties(self) -> tuple[FactParty, ...]:
        """Returns who took part, else those of the statement above."""
        if PARTY_TAGS.isdisjoint(self._children):
            return self.context.parties
        return tuple(parties_of(self.element, self.reader)) or self.context.parties

    def concepts(self, name: str) -> tuple[Concept, ...]:
        """Returns the codes of this name, such as targetSiteCode."""
        concepts = [self.reader.concept(child) for child in self.all(tag(name))]
        return tuple([concept for concept in concepts if concept is not None])

    def subordinates(self) -> Subordinates:
        """Returns what stands within the entry about the fact."""
        result = Subordinates()
        for link in self.linked():
            for child in link:
                if child.tag in (OBSERVATION, ACT) and not self._add_by_code(result, child):
                    self._add(result, link, child)
        return result

    def _add_by_code(self, result: Subordinates, child: Element) -> bool:
        """Takes what is recognised by its code; returns False for anything else."""
        code = child.find(CODE)
        match code.get("code") if code is not None else None:
            case "48767-8":  # LOINC, as the other numbers
                _append(result.comments, self.reader.narrative.words(child.find(TEXT)))
            case "PINSTRUCT":
                _append(result.instructions, self.reader.narrative.words(child.find(TEXT)))
            case "SEV":
                result.severity = self._code_within(child)
            case "33999-4":
                result.clinical_status = self._code_within(child)
            case "66455-7":
                result.certainty = self._code_within(child)
            case "82606-5":
                result.criticality = self._code_within(child)
            case "30973-2":
                result.dose_number = self._number_within(child)
            case _:
                return False
        return True

    def _add(self, result: Subordinates, link: Element, child: Element) -> None:
        """Takes reasons, reactions and other statements; one without a template is an earlier value, and no part."""
        relationship, part = link.get("typeCode"), Statement(child, self.context, self.reader)
        is_cause = relationship == "CAUS" and link.get("inversionInd") == "true"
        if relationship == "RSON" or (is_cause and PROBLEM in part.templates):
            result.reason = result.reason or part.first_code() or part.code()
        elif PROBLEM in part.templates and relationship in ("MFST", "CAUS"):
            manifestation = part.first_code()
            if manifestation is not None and not states_absence(manifestation):
                result.reactions.append(Reaction(manifestation, part.subordinates().severity, part.negated))
        elif part.templates and child.tag == OBSERVATION and len(result.details) < _MOST_DETAILS and not part.is_void:
            code, values = part.code(), part.values()
            if code is not None and values:
                result.details.append(FactDetail(code, values[0], part.negated))

    def first_code(self) -> Concept | None:
        """Returns the code that is its value."""
        value = next(iter(self.values()), None)
        return value.concepts[0] if isinstance(value, CodedValue) else None

    def _code_within(self, element: Element) -> Concept | None:
        return Statement(element, self.context, self.reader).first_code()

    def _number_within(self, element: Element) -> str | None:
        value = next(iter(Statement(element, self.context, self.reader).values()), None)
        return value.value if isinstance(value, Quantity) else None


def states_absence(concept: Concept) -> bool:
    """Whether one of its codes states that there is nothing of the kind, or that it is not known."""
    return any(absent_statement(coding.code, coding.system) is not None for coding in concept.codings)


def identifiers(elements: Iterable[Element]) -> Iterator[str]:
    """Yields the identifiers of `id` elements, `OID^extension`."""
    for element in elements:
        if root := (element.get("root") or "").strip()[:200]:
            extension = (element.get("extension") or "").strip()[:200]
            yield f"{root}^{extension}" if extension else root


def parties_of(element: Element, reader: Reader) -> Iterator[FactParty]:
    """Yields authors, performers and verifiers of an element."""
    for child in element:
        shape = _PARTIES.get(child.tag)
        if shape is not None:
            role, entity_tag, organisation_tag = shape
            entity = child.find(entity_tag)
            if entity is not None:
                yield from _party(child, entity, entity.find(organisation_tag), role, reader)
        elif child.tag == _PARTICIPANT and child.get("typeCode") == "AUTHEN":
            role_element = child.find(_PARTICIPANT_ROLE)
            if role_element is not None:
                yield from _party(child, role_element, None, "verifier", reader)


def _party(
    element: Element, entity: Element, organisation: Element | None, role: str, reader: Reader
) -> Iterator[FactParty]:
    person = entity.find(tag("assignedPerson"))
    if person is None:
        person = entity.find(tag("playingEntity"))
    organisation_name = organisation.find(NAME) if organisation is not None else None
    party = FactParty(
        role,
        _first_id(entity),
        _name(person),
        _first_id(organisation),
        all_text(organisation_name) if organisation_name is not None else None,
        reader.concept(entity.find(CODE)),
        reader.moment(element.find(tag("time"))),
    )
    if party.id or party.name or party.organisation or party.organisation_id:
        yield party


def _first_id(element: Element | None) -> str | None:
    return next(identifiers(element.findall(ID)), None) if element is not None else None


def _name(person: Element | None) -> str | None:
    """Returns a name with its parts in the order of use: a prefix such as DR stands in `suffix` or `prefix`."""
    name = person.find(NAME) if person is not None else None
    if name is None:
        return None
    if not len(name):
        return clean(name.text)
    parts = [(child.tag.rpartition("}")[2], clean(child.text)) for child in name]
    ordered = [
        text for kind in ("prefix", "suffix", "given", "family") for part, text in parts if part == kind and text
    ]
    return " ".join(ordered) or None


def _append(texts: list[str], text: str | None) -> None:
    if text is not None and len(texts) < _MOST_DETAILS:
        texts.append(text)
