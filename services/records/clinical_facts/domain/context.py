"""What a statement inherits from what it stands in: its section, its group of analyses, its person, its laboratory."""

from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

from msgspec import Struct

from services.records.clinical_facts.domain.elements import Reader
from services.records.clinical_facts.domain.model import Phase, SpecimenDetail
from services.records.clinical_facts.domain.names import CODE, all_text, tag
from services.records.clinical_facts.domain.templates import PHASES, PLANS
from services.records.clinical_facts.domain.values import Concept, FactParty, FactTime

TEMPLATE_ID: Final = tag("templateId")
SUBJECT: Final = tag("subject")
_RELATED: Final = tag("relatedSubject")


@dataclass(frozen=True, slots=True)
class SectionContext:
    """A section: its templateIds and code, its title, and what its place means for what stands in it."""

    templates: tuple[str, ...] = ()
    code: str | None = None
    title: str | None = None
    is_plan: bool = False
    phase: Phase | None = None


class Context(Struct, frozen=True):
    """What a statement inherits. `is_other_person`: a `subject` stands above it or in it; `relation`: who that is.

    `path`: the places of sections, entry and statements; `relationship`: the typeCode that leads to the statement;
    `time`, `panel`: of the organizer; `parents`: the templateIds of the statement above.
    """

    section: SectionContext
    path: str
    relationship: str = ""
    parents: frozenset[str] = frozenset()
    is_other_person: bool = False
    relation: Concept | None = None
    time: FactTime | None = None
    panel: Concept | None = None
    parties: tuple[FactParty, ...] = ()
    specimen: SpecimenDetail | None = None


def section_context(section: Element, outer: SectionContext) -> SectionContext:
    """Returns the context of a section within another one: a plan's sections are a plan, a stay's phase goes on."""
    templates = tuple([root for child in section if child.tag == TEMPLATE_ID and (root := child.get("root"))])
    code, title = section.find(CODE), section.find(tag("title"))
    phases = [phase for template in templates if (phase := PHASES.get(template)) is not None]
    return SectionContext(
        templates,
        code.get("code") if code is not None else None,
        (all_text(title) if title is not None else None) or outer.title,
        outer.is_plan or not PLANS.isdisjoint(templates),
        phases[0] if phases else outer.phase,
    )


def relation_of(subject: Element, reader: Reader) -> Concept | None:
    """Returns the relation to the patient of the person whom a `subject` names."""
    related = subject.find(_RELATED)
    return reader.concept(related.find(CODE)) if related is not None else None
