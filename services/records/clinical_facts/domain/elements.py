"""Reads codes, times and values of CDA R2 out of elements, with the words of the narrative.

Source: HL7 CDA R2 data types (CD, PQ, IVL, TS, BL, ED, RTO), and CI-SIS "Modèles de contenus CDA".
"""

from itertools import islice
from typing import Final
from xml.etree.ElementTree import Element

from services.records.clinical_facts.domain.names import (
    HIGH,
    LOW,
    MOST_TRANSLATIONS,
    NAME,
    ORIGINAL_TEXT,
    PHARM,
    REFERENCE,
    TEXT,
    VALUE,
    XSI_TYPE,
    all_text,
    clean,
    tag,
)
from services.records.clinical_facts.domain.quantities import (
    compared,
    quantity_or_words,
    quantity_range,
    quantity_ratio,
)
from services.records.clinical_facts.domain.values import (
    BooleanValue,
    CodedValue,
    Coding,
    Concept,
    FactTime,
    FactValue,
    Qualifier,
    TimeValue,
)
from shared.cda.times import iso_time
from shared.terminology.clinical import absent_statement, code_systems

_IN_NUMBERS: Final = frozenset({"INT", "REAL", "PQ"})


class Narrative:
    """The narrative of a document by ID. References may lack the `#`; an attached file's ID is no narrative."""

    __slots__ = ("_elements", "_texts")

    def __init__(self, document: Element) -> None:
        self._elements: dict[str, Element] = {}
        self._texts: dict[str, str | None] = {}
        for section in document.iter(tag("section")):
            text = section.find(TEXT)
            for element in text.iter() if text is not None else ():
                if (anchor := element.get("ID")) is not None:
                    self._elements.setdefault(anchor, element)

    def text_at(self, reference: str | None) -> str | None:
        """Returns the words at a reference; None where it leads nowhere."""
        if not reference:
            return None
        anchor = reference.removeprefix("#").strip()
        if anchor not in self._texts:
            element = self._elements.get(anchor)
            self._texts[anchor] = all_text(element) if element is not None else None
        return self._texts[anchor]

    def words(self, element: Element | None) -> str | None:
        """Returns the words of an ED element (text, originalText): those that it refers to, else its own."""
        if element is None:
            return None
        for child in element:
            if child.tag in (REFERENCE, f"{PHARM}reference"):
                return self.text_at(child.get("value"))
        return all_text(element) if element.get("representation") != "B64" else None


class Reader:
    """Reads data types of one document. `unknown_system` and `impossible_date` say what was met since `forget`."""

    __slots__ = ("impossible_date", "narrative", "unknown_system")

    def __init__(self, narrative: Narrative) -> None:
        self.narrative = narrative
        self.unknown_system = False
        self.impossible_date = False

    def forget(self) -> None:
        """Begins the next fact."""
        self.unknown_system = self.impossible_date = False

    def concept(self, element: Element | None) -> Concept | None:
        """Returns a coded element; None where it says nothing: no code, translation or words.

        A code of an unknown system becomes words.
        """
        if element is None:
            return None
        words, translations, qualifiers, is_foreign = self._parts(element)
        coding = _coding(element)
        if coding is not None and not _is_readable(coding):
            words = words or coding.display or coding.code
            coding, is_foreign = None, True
        if coding is None and not translations:
            self.unknown_system = self.unknown_system or is_foreign
            if words is None:
                return None
        return Concept(coding, translations, words, qualifiers, element.get("nullFlavor"))

    def _parts(self, element: Element) -> tuple[str | None, tuple[Coding, ...], tuple[Qualifier, ...], bool]:
        """Returns words, translations and qualifiers, and whether a translation is of an unknown system."""
        words: str | None = None
        foreign: str | None = None
        translations: list[Coding] = []
        qualifiers: list[Qualifier] = []
        for child in islice(element, MOST_TRANSLATIONS):
            match child.tag.rpartition("}")[2]:
                case "originalText":
                    words = self.narrative.words(child)
                case "translation":
                    coding = _coding(child)
                    if coding is not None and _is_readable(coding):
                        translations.append(coding)
                    elif coding is not None:
                        foreign = foreign or coding.display or coding.code
                    words = words or self.narrative.words(child.find(ORIGINAL_TEXT))
                case "qualifier":
                    qualifiers.append(
                        Qualifier(_readable_coding(child.find(NAME)), _readable_coding(child.find(VALUE)))
                    )
        return words or foreign, tuple(translations), tuple(qualifiers), foreign is not None

    def value(self, element: Element) -> FactValue | None:
        """Returns the value of an observation by its xsi:type; None where it says nothing."""
        kind = (element.get(XSI_TYPE) or "").rpartition(":")[2] or _kind_of(element)
        if kind in _IN_NUMBERS:
            return quantity_or_words(element)
        match kind:
            case "CD" | "CE" | "CV" | "CO" | "CS" | "SC":
                concept = self.concept(element)
                return CodedValue((concept,)) if concept is not None else None
            case "BL" | "BN":
                return {"true": BooleanValue(True), "false": BooleanValue(False)}.get(element.get("value", ""))
            case "TS" | "IVL_TS":
                time = self.time(element)
                return TimeValue(time) if time is not None and not time.is_unknown else None
            case "IVL_PQ" | "IVL_INT" | "IVL_REAL":
                return quantity_range(element)
            case _ if kind.startswith("RTO"):
                return quantity_ratio(element)
            case _:
                return compared(self.narrative.words(element))

    def time(self, element: Element | None) -> FactTime | None:
        """Returns a TS or an IVL_TS; None without an element. A date that does not exist is unknown."""
        if element is None:
            return None
        low, high = element.find(LOW), element.find(HIGH)
        at = self.moment(element)
        if low is None and high is None:
            return FactTime(at)
        start, end = self.moment(low), self.moment(high)
        return FactTime(at, start, end, end_unknown=start is not None and end is None)

    def moment(self, element: Element | None) -> str | None:
        """Returns the `value` of a TS element as ISO 8601, as precise as it is written."""
        value = (element.get("value") or "").strip() if element is not None else ""
        if not value:
            return None
        text = iso_time(value) if len(value) <= 40 else None
        self.impossible_date = self.impossible_date or text is None
        return text


def _coding(element: Element) -> Coding | None:
    code = (element.get("code") or "").strip()
    if not code or len(code) > 200:
        return None
    return Coding(code, (element.get("codeSystem") or "").strip() or None, clean(element.get("displayName")))


def _readable_coding(element: Element | None) -> Coding | None:
    coding = _coding(element) if element is not None else None
    return coding if coding is not None and _is_readable(coding) else None


def _is_readable(coding: Coding) -> bool:
    """Whether the system is known by its OID, or the code states absence in whatever system."""
    return coding.system in code_systems() or absent_statement(coding.code, coding.system) is not None


def _kind_of(element: Element) -> str:
    """Returns the type of a value that states none, by its form."""
    if element.get("code") is not None:
        return "CD"
    if element.get("value") is not None:
        return "BL" if element.get("value") in ("true", "false") else "PQ"
    return "ED"
