"""Problems, examination findings, family history, allergies and adverse effects."""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from services.records.clinical_facts.domain.contradictions import differs
from services.records.clinical_facts.domain.facts import FactBuilder
from services.records.clinical_facts.domain.model import (
    CODE_TEXT_DISAGREE,
    ClinicalFact,
    FactDetail,
    FactKind,
    Reaction,
)
from services.records.clinical_facts.domain.names import CODE, NAME, all_text, tag
from services.records.clinical_facts.domain.readers.products import product_of
from services.records.clinical_facts.domain.statements import ADMINISTRATION, Statement, states_absence
from services.records.clinical_facts.domain.templates import PROBLEM_CONCERN
from services.records.clinical_facts.domain.values import CodedValue, Concept, FactValue, TextValue
from shared.terminology.clinical import is_allergen

_PARTICIPANT: Final = tag("participant")
_ROLE, _ENTITY = tag("participantRole"), tag("playingEntity")


def read_problem(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields a problem of a list of problems; directly in a section, it is a finding of the examination.

    As a reaction, a cause or a reason of something else it is no fact.
    """
    context = statement.context
    is_listed = PROBLEM_CONCERN in context.parents
    if context.relationship in ("MFST", "CAUS", "RSON") or (context.parents and not is_listed):
        return
    yield from _condition(statement, builder, kind if is_listed else FactKind.FINDING)


def read_family(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields what a relative has or had; it is never the patient's."""
    yield from _condition(statement, builder, kind)


def read_allergy(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields an allergy or an intolerance with its allergen: the participant CSM, else a value that names a substance.

    Beside an allergen the value is the reaction. Without any allergen there is no fact, unless absence is stated.
    """
    if not statement.is_event:
        return
    category, values = statement.code(), statement.values()
    value = values[0] if values else None
    allergen, name = _agent(statement)
    reactions: tuple[Reaction, ...] = ()
    details: tuple[FactDetail, ...] = ()
    stated = _coded(value)
    if allergen is None:
        allergen = _allergen_of(stated, category)
        if allergen is None:
            return
    elif stated is not None and _names_substance(stated):
        details = (FactDetail(category or allergen, value),)
    elif stated is not None and not states_absence(stated):
        reactions = (Reaction(stated),)
    yield builder.build(
        statement,
        kind,
        allergen,
        category=category,
        about=statement.subordinates(),
        reactions=reactions,
        details=details,
        marks=(CODE_TEXT_DISAGREE,) if differs(allergen, name) else (),
    )


def read_adverse_effect(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields an adverse effect with the medicine that is blamed for it, which is no treatment of its own."""
    if not statement.is_event:
        return
    category = statement.code()
    for link in statement.linked():
        administration = link.find(ADMINISTRATION)
        if administration is None:
            continue
        product = product_of(administration, statement.reader)
        if product is not None:
            yield builder.build(
                statement,
                kind,
                product.code,
                category=category,
                about=statement.subordinates(),
                treatment=product.detail,
                marks=product.marks,
            )
            return


def _condition(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields the condition that the value names; where the value is no code, the one that the code asks for."""
    if not statement.is_event:
        return
    question, values = statement.code(), statement.values()
    value = values[0] if values else None
    named = _coded(value) or (Concept(text=value.text) if isinstance(value, TextValue) else None)
    code, category, answer = (named, question, None) if named is not None else (question, None, value)
    if code is None or (named is None and answer is None and not states_absence(code)):
        return
    yield from builder.by_side(
        builder.build(
            statement,
            kind,
            code,
            category=category,
            value=answer,
            about=statement.subordinates(),
            relation=statement.context.relation,
            words=(statement.words(),),
            marks=(CODE_TEXT_DISAGREE,) if differs(code) else (),
        ),
        statement.concepts("targetSiteCode"),
    )


def _allergen_of(stated: Concept | None, category: Concept | None) -> Concept | None:
    """Returns the allergen, or the statement of absence, of an allergy in which no agent takes part."""
    if stated is not None and (_names_substance(stated) or states_absence(stated)):
        return stated
    return category if category is not None and states_absence(category) else None


def _coded(value: FactValue | None) -> Concept | None:
    return value.concepts[0] if isinstance(value, CodedValue) else None


def _agent(statement: Statement) -> tuple[Concept | None, str | None]:
    """Returns the allergen of the participant CSM, and the name that stands beside its code."""
    for child in statement.all(_PARTICIPANT):
        if child.get("typeCode") == "CSM":
            role = child.find(_ROLE)
            entity = role.find(_ENTITY) if role is not None else None
            if entity is not None:
                return _named(entity, statement)
    return None, None


def _named(entity: Element, statement: Statement) -> tuple[Concept | None, str | None]:
    name_element = entity.find(NAME)
    name = all_text(name_element) if name_element is not None else None
    concept = statement.reader.concept(entity.find(CODE))
    return concept or (Concept(text=name) if name is not None else None), name


def _names_substance(concept: Concept) -> bool:
    return any(is_allergen(coding.code, coding.system) for coding in concept.codings)
