"""Results, measures, blood groups, pregnancy, lifestyle and directives: a question with its answer."""

from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element

from services.records.clinical_facts.domain.contradictions import contradicts
from services.records.clinical_facts.domain.facts import FactBuilder
from services.records.clinical_facts.domain.model import (
    CODE_TEXT_DISAGREE,
    ClinicalFact,
    FactDetail,
    FactKind,
    SpecimenDetail,
)
from services.records.clinical_facts.domain.names import TEXT, VALUE, tag
from services.records.clinical_facts.domain.quantities import quantity_range
from services.records.clinical_facts.domain.statements import ID, Statement, identifiers, states_absence
from services.records.clinical_facts.domain.templates import BLOOD_GROUPS, EXISTENCE, NO_DIRECTIVES, VACCINE_REFUSAL
from services.records.clinical_facts.domain.values import BooleanValue, Coding, Concept, ReferenceRange
from shared.terminology.oids import LOINC

_REFERENCE_RANGE: Final = tag("referenceRange")
_OBSERVATION_RANGE: Final = tag("observationRange")
_INTERPRETATION: Final = tag("interpretationCode")
_SPECIMEN: Final = (tag("specimen"), tag("specimenRole"))
_CIM_10: Final = "2.16.840.1.113883.6.3"


def read_measure(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields a result, a blood group or a measure: one fact for each side of the body."""
    code, values = statement.code(), statement.values()
    status = builder.status(statement, kind)
    if code is None or not values or status is None:
        return
    if kind is FactKind.RESULT and _is_blood_group(code):
        kind = FactKind.BLOOD_GROUP
    about = statement.subordinates()
    methods = statement.concepts("methodCode")
    ranges = tuple(_ranges(statement))
    sites = statement.concepts("targetSiteCode")
    fact = builder.build(
        statement,
        kind,
        code,
        about=about,
        status=status,
        value=values[0],
        interpretation=statement.concepts("interpretationCode"),
        ranges=ranges,
        method=methods[0] if methods else None,
        panel=statement.context.panel,
        specimen=_specimen(statement),
        words=(statement.words(),),
        details=tuple([FactDetail(code, value) for value in values[1:]]),
    )
    yield from builder.by_side(fact, sites)


def read_answer(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields a statement about pregnancy or lifestyle. A value that is false stays one: it says no."""
    code, values = statement.code(), statement.values()
    if code is None or not statement.is_event or not (values or states_absence(code)):
        return
    yield builder.build(
        statement,
        kind,
        code,
        about=statement.subordinates(),
        value=values[0] if values else None,
        words=(statement.words(),),
        details=tuple([FactDetail(code, value) for value in values[1:]]),
    )


def read_directive(statement: Statement, builder: FactBuilder, kind: FactKind) -> Iterator[ClinicalFact]:
    """Yields that a directive exists, never what it says; a refusal of vaccines is shown as one.

    Whether a value `false` means that there is none, or a wish against something, depends on the code (EXISTENCE).
    """
    code = statement.code()
    if code is None or not statement.is_event or _states_no_directive(code):
        return
    values = statement.values()
    is_false = bool(values) and isinstance(values[0], BooleanValue) and not values[0].value
    refusal = _vaccine_refusal(code)
    words = statement.words()
    disagrees = contradicts((words,), values[0] if values else None, negated=statement.negated)
    is_none = is_false and (refusal is not None or _is_question_of_existence(code))
    shown = Concept(refusal, code.codings, words) if refusal is not None else code
    fact = builder.build(statement, kind, shown, marks=(CODE_TEXT_DISAGREE,) if disagrees else ())
    yield builder.as_none(fact) if is_none else fact


def _is_blood_group(code: Concept) -> bool:
    return any(coding.system == LOINC and coding.code in BLOOD_GROUPS for coding in code.codings)


def _states_no_directive(code: Concept) -> bool:
    return any(coding.system == LOINC and coding.code in NO_DIRECTIVES for coding in code.codings)


def _is_question_of_existence(code: Concept) -> bool:
    return any((coding.system, coding.code) in EXISTENCE for coding in code.codings)


def _vaccine_refusal(code: Concept) -> Coding | None:
    """Returns the CIM-10 code of a refused vaccination, among the codes and their qualifiers."""
    qualifiers = [coding for qualifier in code.qualifiers for coding in (qualifier.name, qualifier.value)]
    for coding in (*code.codings, *qualifiers):
        if coding is not None and coding.system == _CIM_10 and coding.code.startswith(VACCINE_REFUSAL):
            return coding
    return None


def _ranges(statement: Statement) -> Iterator[ReferenceRange]:
    for child in statement.all(_REFERENCE_RANGE):
        if (element := child.find(_OBSERVATION_RANGE)) is not None:
            bounds = quantity_range(element.find(VALUE))
            words = statement.reader.narrative.words(element.find(TEXT))
            if bounds is None and words is None and (value := element.find(VALUE)) is not None:
                words = statement.reader.narrative.words(value)
            if bounds is not None or words is not None:
                yield ReferenceRange(bounds, words, statement.reader.concept(element.find(_INTERPRETATION)))


def _specimen(statement: Statement) -> SpecimenDetail | None:
    """Returns the specimen of the observation itself, else that of the sampling beside it."""
    specimen = statement.first(_SPECIMEN[0])
    role: Element | None = specimen.find(_SPECIMEN[1]) if specimen is not None else None
    if role is None:
        return statement.context.specimen
    entity = role.find(tag("specimenPlayingEntity"))
    kind = statement.reader.concept(entity.find(tag("code"))) if entity is not None else None
    collected = statement.context.specimen.collected if statement.context.specimen is not None else None
    return SpecimenDetail(next(identifiers(role.findall(ID)), None), kind, collected)
