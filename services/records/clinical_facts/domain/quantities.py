"""Reads numbers with their units: quantities, ranges, ratios and doses, as they are written."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final
from xml.etree.ElementTree import Element

from services.records.clinical_facts.domain.names import (
    HIGH,
    LOW,
    MOST_TRANSLATIONS,
    PHARM,
    TRANSLATION,
    clean,
    tag,
)
from services.records.clinical_facts.domain.values import (
    Comparator,
    FactValue,
    Quantity,
    QuantityRange,
    QuantityRatio,
    TextValue,
)

_NUMBER: Final = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?", re.ASCII)
_COMPARED: Final = re.compile(r"(<=?|>=?|≤|≥)\s*(\d{1,20}(?:[.,]\d{1,20})?)\s*(\S{0,40})", re.ASCII)
_COMPARATORS: Final[dict[str, Comparator]] = {"<": "<", "<=": "<=", ">": ">", ">=": ">=", "≤": "<=", "≥": ">="}


def compared(words: str | None) -> FactValue | None:
    """Returns words as a value: `<1.0 mg/L` is a quantity with its comparator."""
    if words is None:
        return None
    match = _COMPARED.fullmatch(words)
    if match is None:
        return TextValue(words)
    return Quantity(match[2].replace(",", "."), match[3] or None, _COMPARATORS[match[1]])


def quantity(element: Element | None) -> Quantity | None:
    """Returns a PQ, INT or REAL with the conversions of its author; None without a number."""
    if element is None:
        return None
    number = (element.get("value") or "").strip()
    if _NUMBER.fullmatch(number) is None:
        return None
    translations = tuple(_conversions(element)) if len(element) else ()
    return Quantity(number, _unit(element), None, translations)


def quantity_or_words(element: Element) -> FactValue | None:
    """Returns a quantity; where its number is none, such as `12,5`, the words that it consists of."""
    number = quantity(element)
    if number is not None:
        return number
    words = clean(element.get("value"))
    return TextValue(" ".join(part for part in (words, _unit(element)) if part)) if words is not None else None


def quantity_range(element: Element | None) -> QuantityRange | None:
    """Returns an IVL_PQ; None without a bound."""
    if element is None:
        return None
    low, high = quantity(element.find(LOW)), quantity(element.find(HIGH))
    return QuantityRange(low, high) if low is not None or high is not None else None


def quantity_ratio(element: Element | None) -> QuantityRatio | None:
    """Returns a RTO; None without numerator and denominator."""
    if element is None:
        return None
    numerator, denominator = (_either(element, name) for name in ("numerator", "denominator"))
    ratio = QuantityRatio(quantity(numerator), quantity(denominator))
    return ratio if ratio.numerator is not None else None


def dose(element: Element | None) -> Quantity | QuantityRange | None:
    """Returns a dose: a quantity, or a range with different bounds."""
    if element is None:
        return None
    bounds = quantity_range(element)
    if bounds is None:
        return quantity(element)
    if bounds.low is not None and bounds.high is not None and same_amount(bounds.low, bounds.high):
        return bounds.low
    return bounds


def same_amount(first: Quantity, second: Quantity) -> bool:
    """Whether two quantities are written alike, apart from conversions."""
    return (first.value, first.unit) == (second.value, second.unit)


def _either(element: Element, name: str) -> Element | None:
    child = element.find(tag(name))
    return child if child is not None else element.find(f"{PHARM}{name}")


def _conversions(element: Element) -> Iterator[Quantity]:
    for child in islice(element, MOST_TRANSLATIONS):
        number = (child.get("value") or "").strip()
        if child.tag == TRANSLATION and _NUMBER.fullmatch(number) is not None:
            yield Quantity(number, clean(child.get("code")) or _unit(child))


def _unit(element: Element) -> str | None:
    unit = (element.get("unit") or "").strip()[:100]
    return unit if unit and unit != "1" else None
