"""The entries of treatments and vaccinations."""

from collections.abc import Iterator
from typing import Final

from services.records.clinical_facts.domain.model import Frequency, Posology, TreatmentDetail
from services.records.clinical_facts.domain.values import Coding, Concept, Quantity, QuantityRange, QuantityRatio
from services.records.kit.xml import tag, templates, text
from services.records.summary.domain.cda.coded import (
    COMPLETED,
    Anchors,
    amount_attributes,
    coded,
    moment_element,
    period_element,
)
from services.records.summary.domain.cda.entry_parts import ACT_CODE, cited_id, in_set, negation
from services.records.summary.domain.sheet import SummaryLine
from shared.terminology.value_sets import ROUTE_SYSTEMS, is_in

_PRODUCT: Final = ("2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43")
_CIS: Final = "1.2.250.1.213.2.3.1"
"""The one system in which the model writes the code of a medicine; codes of other systems are its translations."""
_VACCINATION: Final = Concept(Coding("IMMUNIZ", ACT_CODE, "Vaccination sans autre précision"))
_DRUG: Final = Concept(Coding("DRUG", ACT_CODE, "Médicament"))
_EMPTY: Final = TreatmentDetail()


def treatment(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns a treatment. Of several steps of taking it, the words alone say them."""
    fact, detail = line.fact, line.fact.treatment or _EMPTY
    steps = detail.posology
    return tag(
        "substanceAdministration",
        *(templates("2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.7", "1.2.250.1.213.1.1.3.42")),
        *(templates("1.3.6.1.4.1.19376.1.5.3.1.4.7.1"), cited_id(line), coded("code", _DRUG, anchors)),
        *(anchors.text_of(concept), COMPLETED, period_element(fact.time, has_end=True, type_="IVL_TS")),
        *(_taking(steps[0], detail.route, anchors) if len(steps) == 1 else _route(detail.route, anchors)),
        _consumable(concept, detail, anchors),
        classCode="SBADM",
        moodCode="INT" if fact.is_planned else "EVN",
        negationInd=negation(fact),
    )


def vaccination(line: SummaryLine, concept: Concept, anchors: Anchors) -> str:
    """Returns a vaccination that was given or, negated, was not."""
    fact, detail = line.fact, line.fact.treatment or _EMPTY
    return tag(
        "substanceAdministration",
        templates("2.16.840.1.113883.10.20.1.24", "1.3.6.1.4.1.19376.1.5.3.1.4.12", "1.2.250.1.213.1.1.3.45"),
        *(cited_id(line), coded("code", in_set("vaccination-kind", fact.category, _VACCINATION), anchors)),
        *(anchors.text_of(concept), COMPLETED, moment_element(fact.time)),
        *(_vaccination_route(detail.route, anchors), _consumable(concept, detail, anchors, typeCode="CSM")),
        _dose_number(detail),
        classCode="SBADM",
        moodCode="EVN",
        negationInd=negation(fact),
    )


def _taking(posology: Posology, route: Concept | None, anchors: Anchors) -> Iterator[str]:
    """Yields how a medicine is taken: how often, by which route, how much."""
    rhythms = [rhythm for frequency in posology.frequency if (rhythm := _rhythm(frequency))]
    yield from rhythms[:1]
    yield from _route(route, anchors)
    yield _amount("doseQuantity", posology.dose)
    yield _amount("rateQuantity", posology.rate)


def _rhythm(frequency: Frequency) -> str | None:
    if frequency.event is not None:
        return tag("effectiveTime", tag("event", code=frequency.event), type_="EIVL_TS", operator="A")
    if frequency.period is not None:
        period = tag("period", **amount_attributes(frequency.period))
        return tag("effectiveTime", period, type_="PIVL_TS", operator="A")
    return None


def _route(route: Concept | None, anchors: Anchors) -> Iterator[str]:
    if route is not None and route.coding is not None and route.coding.system in ROUTE_SYSTEMS:
        yield coded("routeCode", route, anchors)


def _vaccination_route(route: Concept | None, anchors: Anchors) -> str:
    coding = route.coding if route is not None else None
    if route is None or coding is None or not is_in("vaccination-route", coding.code, coding.system):
        return ""
    return coded("routeCode", route, anchors)


def _amount(name: str, amount: Quantity | QuantityRange | None) -> str:
    """Returns an amount with both its bounds; one with a single bound is left to the words."""
    low, high = (amount, amount) if isinstance(amount, Quantity) else (None, None)
    if isinstance(amount, QuantityRange):
        low, high = amount.low, amount.high
    if low is None or high is None:
        return ""
    return tag(name, tag("low", **amount_attributes(low)), tag("high", **amount_attributes(high)))


def _consumable(concept: Concept, detail: TreatmentDetail, anchors: Anchors, **attributes: str) -> str:
    lot = tag("lotNumberText", text(detail.lot)) if detail.lot else ""
    maker = tag("name", text(detail.manufacturer)) if detail.manufacturer else ""
    name = tag("name", text(concept.label or concept.text or "?"))
    code = coded("code", _as_product(concept), anchors)
    material = tag("manufacturedMaterial", code, name, lot, *_ingredients(detail, anchors))
    organisation = tag("manufacturerOrganization", maker) if maker else ""
    return tag("consumable", tag("manufacturedProduct", templates(*_PRODUCT), material, organisation), **attributes)


def _as_product(concept: Concept) -> Concept:
    """Returns the product with its CIS code first, else with translations alone."""
    codings = concept.codings
    first = next((coding for coding in codings if coding.system == _CIS), None)
    rest = tuple(coding for coding in codings if coding is not first)
    return Concept(first, rest, concept.text or concept.label)


def _ingredients(detail: TreatmentDetail, anchors: Anchors) -> Iterator[str]:
    for ingredient in detail.ingredients:
        name = tag("pharm:name", text(ingredient.substance.label or "?"))
        code = coded("pharm:code", ingredient.substance, anchors)
        substance = tag("pharm:ingredient", code, name, classCode="MMAT", determinerCode="KIND")
        yield tag("pharm:ingredient", _strength(ingredient.strength), substance, classCode="ACTI")


def _strength(strength: QuantityRatio | None) -> str:
    sides = (("numerator", strength.numerator), ("denominator", strength.denominator)) if strength is not None else ()
    bounds = [tag(name, type_="PQ", **amount_attributes(side)) for name, side in sides if side is not None]
    return tag("pharm:quantity", *bounds) if bounds else ""


def _dose_number(detail: TreatmentDetail) -> str:
    number = detail.dose_number
    if number is None or not number.isdecimal():
        return ""
    observation = tag(
        "observation",
        templates("2.16.840.1.113883.10.20.1.46", "1.2.250.1.213.1.1.3.82"),
        tag("code", code="30973-2", displayName="Rang de la vaccination", codeSystem="2.16.840.1.113883.6.1"),
        *(COMPLETED, tag("value", type_="INT", value=number)),
        classCode="OBS",
        moodCode="EVN",
    )
    return tag("entryRelationship", observation, typeCode="SUBJ")
