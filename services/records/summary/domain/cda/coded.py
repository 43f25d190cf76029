"""Elements of HL7 CDA R2 with codes, times and values, as facts hold them.

The words of every code stand in the narrative, to which `originalText` refers.
"""

from collections.abc import Sequence
from typing import Final

from services.records.clinical_facts.domain.values import (
    BooleanValue,
    CodedValue,
    Coding,
    Concept,
    FactTime,
    FactValue,
    Qualifier,
    Quantity,
    QuantityRange,
    QuantityRatio,
    TextValue,
)
from services.records.kit.xml import tag
from shared.terminology.clinical import code_systems

UNKNOWN: Final = {"nullFlavor": "UNK"}
COMPLETED: Final = tag("statusCode", code="completed")


class Anchors:
    """The words of the codes of a line, each with the ID under which the narrative shows them."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.shown: list[tuple[str, str, tuple[Coding, ...]]] = []
        """ID, words, and the codes that they stand for."""

    def add(self, words: str, codings: Sequence[Coding] = ()) -> str:
        """Returns the reference to these words."""
        anchor = f"{self._prefix}-{len(self.shown) + 1}"
        self.shown.append((anchor, words, tuple(codings)))
        return f"#{anchor}"

    def text(self, words: str) -> str:
        """Returns a `text` that refers to these words."""
        return tag("text", tag("reference", value=self.add(words)))

    def text_of(self, concept: Concept) -> str:
        """Returns a `text` that refers to the words of a code."""
        return self.text(_words(concept))


def coded(name: str, concept: Concept, anchors: Anchors, *children: str, **attributes: str) -> str:
    """Returns a coded element with its words and translations; without a code, as words alone."""
    reference = tag("originalText", tag("reference", value=anchors.add(_words(concept), concept.codings)))
    qualifiers = [_qualifier(qualifier) for qualifier in concept.qualifiers]
    translations = [tag("translation", **coding_attributes(coding)) for coding in concept.translations]
    codes = coding_attributes(concept.coding) if concept.coding is not None else {"nullFlavor": "OTH"}
    return tag(name, reference, *qualifiers, *translations, *children, **attributes, **codes)


def coding_attributes(coding: Coding) -> dict[str, str]:
    """Returns the attributes of a code."""
    system = code_systems().get(coding.system or "")
    attributes = {
        "code": coding.code,
        "displayName": coding.display,
        "codeSystem": coding.system,
        "codeSystemName": system.name if system is not None else None,
    }
    return {name: value for name, value in attributes.items() if value}


def value_elements(value: FactValue, anchors: Anchors) -> str:
    """Returns the `value` of an observation, one for each code."""
    if isinstance(value, CodedValue):
        return "".join(coded("value", concept, anchors, type_="CD") for concept in value.concepts)
    return value_element(value, anchors)


def value_element(value: FactValue, anchors: Anchors) -> str:
    """Returns the `value` of an observation, with its type; of several codes the first."""
    match value:
        case Quantity():
            return _quantity_element(value, anchors)
        case QuantityRange(low, high):
            bounds = [tag(name, **amount_attributes(bound)) for name, bound in (("low", low), ("high", high)) if bound]
            return tag("value", *bounds, type_="IVL_PQ")
        case QuantityRatio(numerator, denominator):
            sides = (("numerator", numerator), ("denominator", denominator))
            return tag(
                "value",
                *(tag(name, type_="PQ", **amount_attributes(side)) for name, side in sides if side),
                type_="RTO",
            )
        case CodedValue(concepts):
            return coded("value", concepts[0], anchors, type_="CD")
        case TextValue(words):
            return tag("value", tag("reference", value=anchors.add(words)), type_="ED")
        case BooleanValue(is_true):
            return tag("value", type_="BL", value="true" if is_true else "false")
        case _:
            return tag("value", type_="TS", value=hl7_time(value.time.first or ""))


def hl7_time(iso: str) -> str:
    """Returns an ISO 8601 text as an HL7 timestamp of the same precision."""
    day, separator, rest = iso.partition("T")
    zone = max(rest.rfind("+"), rest.rfind("-"))
    clock, offset = (rest[:zone], rest[zone:]) if zone > 0 else (rest.removesuffix("Z"), "+0000" if rest else "")
    return (
        f"{day.replace('-', '')}{clock.replace(':', '')}{offset.replace(':', '')}"
        if separator
        else day.replace("-", "")
    )


def moment_element(time: FactTime | None, null: str = "UNK") -> str:
    """Returns an `effectiveTime` with a moment: when it happened, else when it began."""
    moment = time.first if time is not None else None
    return tag("effectiveTime", value=hl7_time(moment)) if moment else tag("effectiveTime", nullFlavor=null)


def period_element(time: FactTime | None, *, has_end: bool = False, **attributes: str) -> str:
    """Returns an `effectiveTime` with a period. `has_end`: an end stands there even where it is not known."""
    start = (time.start or time.at) if time is not None else None
    end = time.end if time is not None else None
    bounds = [_bound("low", start)]
    if end or has_end:
        bounds.append(_bound("high", end))
    return tag("effectiveTime", *bounds, **attributes)


def _bound(name: str, moment: str | None) -> str:
    return tag(name, value=hl7_time(moment)) if moment else tag(name, **UNKNOWN)


def _quantity_element(quantity: Quantity, anchors: Anchors) -> str:
    if quantity.comparator is None:
        return tag("value", type_="PQ", **amount_attributes(quantity))
    return tag("value", tag("reference", value=anchors.add(_compared(quantity))), type_="ED")


def _compared(quantity: Quantity) -> str:
    return f"{quantity.comparator}{quantity.value} {quantity.unit or ''}".strip()


def amount_attributes(quantity: Quantity) -> dict[str, str]:
    """Returns the attributes of a quantity."""
    return {"value": quantity.value, **({"unit": quantity.unit} if quantity.unit else {})}


def _qualifier(qualifier: Qualifier) -> str:
    parts = (("name", qualifier.name), ("value", qualifier.value))
    codes = [tag(name, **coding_attributes(coding)) for name, coding in parts if coding is not None]
    return tag("qualifier", *codes) if codes else ""


def _words(concept: Concept) -> str:
    return concept.text or concept.label or "?"
