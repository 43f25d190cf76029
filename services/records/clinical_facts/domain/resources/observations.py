"""Results, measures, blood groups, findings, pregnancy, lifestyle and directives as Observation."""

from typing import Final

from services.records.clinical_facts.domain.model import ClinicalFact, FactDetail, FactKind
from services.records.clinical_facts.domain.resources.elements import (
    Json,
    concept,
    fhir_time,
    first_concept,
    optional,
    parties,
    period,
    present,
    quantity,
    quantity_range,
    quantity_ratio,
    timing,
    value_words,
    words_of,
)
from services.records.clinical_facts.domain.resources.frame import DENIED, ResourceFrame, common, fact_notes
from services.records.clinical_facts.domain.values import (
    BooleanValue,
    CodedValue,
    Concept,
    FactValue,
    Quantity,
    QuantityRange,
    QuantityRatio,
    ReferenceRange,
    TextValue,
    TimeValue,
)

_CATEGORY_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_ABSENT_SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_CATEGORIES: Final = {
    FactKind.RESULT: "laboratory",
    FactKind.BLOOD_GROUP: "laboratory",
    FactKind.MEASURE: "vital-signs",
    FactKind.FINDING: "exam",
    FactKind.LIFESTYLE: "social-history",
}
_DIRECTIVE: Final = "Une directive existe. Ce qu’elle dit est dans le document."


def observation(fact: ClinicalFact, frame: ResourceFrame) -> Json:
    """Returns an Observation. A negated one has no value, so that nobody reads its value without the negation."""
    return {
        **common("Observation", fact, frame),
        **present(
            {
                "status": "registered" if fact.is_planned else "final",
                "category": _category(fact),
                "code": optional(fact.code),
                "performer": parties(fact.parties, "performer", "author"),
                **timing(fact.time, "effective"),
                **_answer(fact),
                "interpretation": [concept(item) for item in fact.interpretation],
                "note": fact_notes(fact, *_explanations(fact)),
                "bodySite": first_concept(fact.site),
                "method": optional(fact.method),
                "referenceRange": [bounds for value in fact.ranges if (bounds := _reference_range(value))],
                "component": [part for detail in fact.details if (part := _component(detail, fact))],
            }
        ),
    }


def value_of(value: FactValue) -> Json:
    """Returns the value[x] of an Observation; words where FHIR has no form for it."""
    match value:
        case Quantity():
            number = quantity(value)
            return {"valueQuantity": number} if number is not None else {"valueString": words_of(value)}
        case QuantityRange():
            bounds = quantity_range(value)
            return {"valueRange": bounds} if bounds is not None else {"valueString": words_of(value)}
        case QuantityRatio():
            ratio = quantity_ratio(value)
            return {"valueRatio": ratio} if ratio is not None else {"valueString": words_of(value)}
        case CodedValue():
            return {"valueCodeableConcept": _joined(value)}
        case TextValue():
            return {"valueString": value.text}
        case BooleanValue():
            return {"valueBoolean": value.value}
        case TimeValue():
            if value.time.at is not None:
                return {"valueDateTime": fhir_time(value.time.at)}
            return {"valuePeriod": period(value.time)}


def _answer(fact: ClinicalFact) -> Json:
    """Returns the value, or why there is none."""
    if fact.kind is FactKind.FINDING:
        return {"valueBoolean": not fact.negated} if fact.value is None else value_of(fact.value)
    if fact.kind is FactKind.DIRECTIVE:
        return {"dataAbsentReason": _absent("masked")} if fact.statement == "stated" else {"valueBoolean": False}
    if fact.negated or fact.value is None:
        return {"dataAbsentReason": _absent("not-applicable" if fact.negated else "unknown")}
    return value_of(fact.value)


def _explanations(fact: ClinicalFact) -> list[str]:
    if fact.kind is FactKind.DIRECTIVE and fact.statement == "stated":
        return [_DIRECTIVE]
    others = [value_words(detail.value) for detail in fact.details if detail.code == fact.code]
    denied = [DENIED] if fact.negated and fact.kind is not FactKind.FINDING else []
    return [*denied, *[f"Autre valeur : {other}" for other in others if other]]


def _category(fact: ClinicalFact) -> list[Json]:
    code = _CATEGORIES.get(fact.kind)
    categories = [{"coding": [{"system": _CATEGORY_SYSTEM, "code": code}]}] if code is not None else []
    return [*categories, *([concept(fact.panel)] if fact.panel is not None else [])]


def _joined(value: CodedValue) -> Json:
    """Returns several codes of one answer as one CodeableConcept; a single one as it is."""
    if len(value.concepts) == 1:
        return concept(value.concepts[0])
    labels = "; ".join(item.label for item in value.concepts if item.label)
    codings = [coding for item in value.concepts for coding in item.codings]
    return concept(Concept(codings[0] if codings else None, tuple(codings[1:]), labels or None))


def _component(detail: FactDetail, fact: ClinicalFact) -> Json | None:
    """Returns a part of the answer. A second value under the same code is a note: obs-7 does not allow it here."""
    if detail.value is None or detail.negated or detail.code == fact.code:
        return None
    return {"code": concept(detail.code), **value_of(detail.value)}


def _reference_range(value: ReferenceRange) -> Json:
    bounds = quantity_range(value.range) if value.range is not None else None
    return present({**(bounds or {}), "text": value.text})


def _absent(code: str) -> Json:
    return {"coding": [{"system": _ABSENT_SYSTEM, "code": code}]}
