"""Medicines and vaccines: the product, its ingredients, and how it is taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element

import msgspec

from services.records.clinical_facts.domain.contradictions import differs
from services.records.clinical_facts.domain.elements import Reader
from services.records.clinical_facts.domain.model import (
    CODE_TEXT_DISAGREE,
    NAMES_DISAGREE,
    Frequency,
    Ingredient,
    Posology,
    TreatmentDetail,
)
from services.records.clinical_facts.domain.names import (
    CODE,
    HIGH,
    LOW,
    NAME,
    ORIGINAL_TEXT,
    PHARM,
    TRANSLATION,
    XSI_TYPE,
    all_text,
    tag,
)
from services.records.clinical_facts.domain.quantities import dose, quantity, quantity_ratio
from services.records.clinical_facts.domain.statements import ADMINISTRATION, EFFECTIVE_TIME, LINKS
from services.records.clinical_facts.domain.values import Coding, Concept, FactTime

_PRODUCT: Final = (tag("consumable"), tag("product"))
_MANUFACTURED: Final = tag("manufacturedProduct")
_MATERIALS: Final = (tag("manufacturedMaterial"), tag("manufacturedLabeledDrug"))
_COMP, _WIDTH = tag("comp"), tag("width")
_MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Product:
    """A medicine or a vaccine, how it is taken, and the marks of its names."""

    code: Concept
    detail: TreatmentDetail
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _NamedIngredient:
    ingredient: Ingredient
    name: str | None


def product_of(element: Element, reader: Reader) -> Product | None:
    """Returns the product of a substanceAdministration or a supply; None where nothing names it."""
    manufactured, material = _material(element)
    if material is None:
        return None
    name = _name(material)
    code = reader.concept(material.find(CODE))
    if code is None:
        code = Concept(text=name) if name is not None else None
    if code is None:
        return None
    group, group_name = _group(material, reader)
    ingredients = tuple(_ingredients(material, reader))
    marks = []
    if differs(code, name):
        marks.append(CODE_TEXT_DISAGREE)
    if differs(group, group_name) or any(differs(named.ingredient.substance, named.name) for named in ingredients):
        marks.append(NAMES_DISAGREE)
    if group is not None:
        code = msgspec.structs.replace(code, translations=_united(code, group))
    detail = TreatmentDetail(
        ingredients=tuple([named.ingredient for named in ingredients]),
        form=reader.concept(material.find(f"{PHARM}formCode")),
        lot=_text(material.find(tag("lotNumberText"))),
        manufacturer=_manufacturer(manufactured),
    )
    return Product(code, detail, tuple(marks))


def posologies(element: Element, reader: Reader) -> Iterator[Posology]:
    """Yields how the medicine is taken: the entry's own dosage, then each step that stands within it."""
    own = _posology(element, reader)
    if own != Posology():
        yield own
    for link in element:
        step = link.find(ADMINISTRATION) if link.tag in LINKS else None
        if step is not None and _material_says_nothing(step, reader):
            posology = _posology(step, reader, is_step=True)
            if posology != Posology():
                yield posology


def treatment_time(element: Element, reader: Reader) -> FactTime | None:
    """Returns the period of a treatment: its effectiveTime that is no rhythm. An end that is not stated is unknown."""
    for child in element:
        if child.tag == EFFECTIVE_TIME and not _is_rhythm(child):
            return reader.time(child)
    return None


def _material(element: Element) -> tuple[Element | None, Element | None]:
    for child in element:
        if child.tag in _PRODUCT and (manufactured := child.find(_MANUFACTURED)) is not None:
            for name in _MATERIALS:
                if (material := manufactured.find(name)) is not None:
                    return manufactured, material
    return None, None


def _material_says_nothing(element: Element, reader: Reader) -> bool:
    """Whether a nested administration is a step of the outer one rather than another medicine."""
    _, material = _material(element)
    return material is None or (reader.concept(material.find(CODE)) is None and _name(material) is None)


def _name(material: Element) -> str | None:
    return _text(material.find(NAME))


def _text(element: Element | None) -> str | None:
    return all_text(element) if element is not None else None


def _manufacturer(manufactured: Element | None) -> str | None:
    organisation = manufactured.find(tag("manufacturerOrganization")) if manufactured is not None else None
    return _text(organisation.find(NAME)) if organisation is not None else None


def _group(material: Element, reader: Reader) -> tuple[Concept | None, str | None]:
    """Returns the class of medicines to which the product belongs (ATC), and its name."""
    for kind in material.findall(f"{PHARM}asSpecializedKind")[:1]:
        medicine_class = kind.find(f"{PHARM}generalizedMedicineClass")
        if medicine_class is not None:
            return reader.concept(medicine_class.find(f"{PHARM}code")), _text(medicine_class.find(f"{PHARM}name"))
    return None, None


def _united(code: Concept, group: Concept) -> tuple[Coding, ...]:
    """Returns the translations of a product with the codes of its class: they are no second product."""
    names = {(coding.system, coding.code) for coding in code.codings}
    return (*code.translations, *[coding for coding in group.codings if (coding.system, coding.code) not in names])


def _ingredients(material: Element, reader: Reader) -> Iterator[_NamedIngredient]:
    for outer in material.findall(f"{PHARM}ingredient")[:_MOST]:
        inner = outer.find(f"{PHARM}ingredient")
        if inner is None:
            continue
        name = _text(inner.find(f"{PHARM}name"))
        substance = reader.concept(inner.find(f"{PHARM}code"))
        if substance is None and name is not None:
            substance = Concept(text=name)
        if substance is not None:
            yield _NamedIngredient(Ingredient(substance, quantity_ratio(outer.find(f"{PHARM}quantity"))), name)


def _posology(element: Element, reader: Reader, *, is_step: bool = False) -> Posology:
    dose_element = element.find(tag("doseQuantity"))
    period = _step_period(element) if is_step else None
    during = reader.time(period)
    return Posology(
        during=during if during is not None and not during.is_unknown else None,
        lasting=quantity(period.find(_WIDTH)) if period is not None else None,
        dose=dose(dose_element),
        dose_words=_dose_words(dose_element, reader),
        rate=dose(element.find(tag("rateQuantity"))),
        frequency=tuple(_frequencies(element, reader))[:_MOST],
        highest=quantity_ratio(element.find(tag("maxDoseQuantity"))),
    )


def _step_period(element: Element) -> Element | None:
    return next((part for part in _time_parts(element) if not _is_rhythm(part)), None)


def _frequencies(element: Element, reader: Reader) -> Iterator[Frequency]:
    for part in _time_parts(element):
        if _is_rhythm(part):
            frequency = _frequency(part, reader)
            if frequency != Frequency():
                yield frequency


def _frequency(part: Element, reader: Reader) -> Frequency:
    period, event = part.find(tag("period")), part.find(tag("event"))
    words = reader.narrative.words(part.find(ORIGINAL_TEXT))
    if period is not None and (translation := period.find(TRANSLATION)) is not None:
        words = reader.narrative.words(translation.find(ORIGINAL_TEXT)) or words
    return Frequency(
        quantity(period), ((event.get("code") or "").strip()[:40] or None) if event is not None else None, words
    )


def _time_parts(element: Element) -> Iterator[Element]:
    """Yields the times of an administration, also those that are put together (SXPR_TS)."""
    for child in element:
        if child.tag == EFFECTIVE_TIME:
            parts = [part for part in child if part.tag == _COMP]
            yield from parts or [child]


def _is_rhythm(element: Element) -> bool:
    kind = (element.get(XSI_TYPE) or "").rpartition(":")[2]
    return kind.startswith(("PIVL", "EIVL", "SXPR")) or (not kind and element.get("operator") == "A")


def _dose_words(element: Element | None, reader: Reader) -> str | None:
    """Returns the words of a dose (`1 cp`), of its lower bound first."""
    for part in (element.find(LOW), element.find(HIGH), element) if element is not None else ():
        translation = part.find(TRANSLATION) if part is not None else None
        if translation is not None and (words := reader.narrative.words(translation.find(ORIGINAL_TEXT))) is not None:
            return words
    return None
