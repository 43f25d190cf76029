"""Spoils structured documents at random, and again the same way from the same seed, and checks what is read of them.

Whatever a document says, reading it does not fail, takes bounded time and memory, and gives no code a label or words
that stood with another.
"""

import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar
from xml.etree import ElementTree

from services.records.clinical_facts.domain.codec import decode_block, encode_block
from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.model import Extraction, FactKind
from services.records.clinical_facts.domain.names import all_text, clean
from services.records.clinical_facts.domain.templates import KINDS
from services.records.clinical_facts.domain.values import Coding, Concept
from shared.runtime import clock
from shared.terminology.clinical import absent_statement
from tests.infra.records.fact_documents import laboratory_report, synthesis
from tests.infra.records.mutations import spoil

Part = TypeVar("Part")
VERSION: Final = clock.uuid8(1_790_000_000_000, b"mutations!", 7)
WARM_UP: Final = 300
SLOWEST_S: Final = 2.0
"""CPU seconds of one document."""
MOST_GROWN_KIB: Final = 100_000
LONGEST_TEXT: Final = 2_000
_CDA: Final = "{urn:hl7-org:v3}"
_ATTRIBUTES: Final = (
    *("code", "codeSystem", "displayName", "value", "unit", "moodCode", "negationInd", "typeCode", "nullFlavor"),
    *("root", "ID", "inversionInd", "{http://www.w3.org/2001/XMLSchema-instance}type"),
)
_VALUES: Final = (
    *(
        "",
        " ",
        "true",
        "false",
        "INT",
        "EVN",
        "MFST",
        "CAUS",
        "UNK",
        "PQ",
        "CD",
        "BL",
        "ST",
        "IVL_TS",
        "RTO",
        "pharm:PQ",
    ),
    *(
        "-1",
        "1e999",
        "1" * 400,
        "20092012",
        "99999999999999",
        "2019",
        "#p0",
        "02276797",
        "no-known-allergies",
        "\u202e",
    ),
    *("1.2.250.1.213.2.63", "2.16.840.1.113883.6.3", "1.2.3", "é" * 3000, "<1.0 mg/L", "12,5"),
)


class MutationError(AssertionError):
    """A document was read wrongly; its number and the seed make it again."""


@dataclass(frozen=True)
class MutationReport:
    """`outcomes`: documents by outcome and reason. `facts`: how many were read. `slowest_s`: CPU of the slowest."""

    outcomes: Counter[tuple[str, str]]
    facts: int
    seconds: float
    slowest_s: float
    grown_kib: int


def _bases() -> tuple[bytes, ...]:
    """Returns small documents: each section of the invented ones, and all of them, without their headers."""
    roots = [ElementTree.fromstring(content) for content in (synthesis(), laboratory_report(2))]
    bodies = [body for root in roots for body in root.iter(f"{_CDA}structuredBody")]
    contents = [b"".join(ElementTree.tostring(part) for part in body) for body in bodies]
    contents += [ElementTree.tostring(part) for body in bodies for part in body]
    head, tail = (
        b'<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody>',
        b"</structuredBody></component>",
    )
    return tuple([head + content + tail + b"</ClinicalDocument>" for content in contents])


BASES: Final = _bases()


def read_mutations(count: int, seed: int) -> MutationReport:
    """Spoils and reads as many documents. Raises MutationError where one is read wrongly, or where memory grows."""
    outcomes: Counter[tuple[str, str]] = Counter()
    started, slowest, before, facts = time.perf_counter(), 0.0, 0, 0
    for number in range(count):
        if number == min(WARM_UP, count - 1):
            before = _peak_kib()
        content = spoiled_document(random.Random(f"{seed}-{number}"))
        began = time.process_time()
        try:
            extraction = extract(content, "text/xml", VERSION)
            took = time.process_time() - began
            check(extraction, content)
        except Exception as error:
            raise MutationError(f"document {number} of seed {seed}: {type(error).__name__} {error}") from error
        if took > SLOWEST_S:
            raise MutationError(f"document {number} of seed {seed} took {took:.1f} s of CPU")
        slowest = max(slowest, took)
        facts += len(extraction.facts)
        outcomes[extraction.outcome, extraction.reason or ""] += 1
    grown = _peak_kib() - before
    if grown > MOST_GROWN_KIB:
        raise MutationError(f"memory grew by {grown:,} KiB over {count:,} documents of seed {seed}")
    return MutationReport(outcomes, facts, time.perf_counter() - started, slowest, grown)


def spoiled_document(source: random.Random) -> bytes:
    """Returns a structured document with faults in its bytes or in its tree."""
    content = source.choice(BASES)
    if source.randrange(8) == 0:
        return spoil(source, content)
    root = ElementTree.fromstring(content)
    for _ in range(source.choice((1, 2, 4, 8, 16))):
        source.choice(_FAULTS)(source, root)
    try:
        return ElementTree.tostring(root)
    except RecursionError:  # the writer of the library has a limit that the reader has not
        return content


def check(extraction: Extraction, content: bytes) -> None:
    """Checks what was read against the document. Raises AssertionError."""
    facts = extraction.facts
    assert decode_block(encode_block(facts)).facts == facts
    assert len({fact.id for fact in facts}) == len(facts)
    if not facts:
        return
    written = WrittenCodes(content)
    for fact in facts:
        assert fact.code is not None
        absent = [coding for coding in fact.code.codings if absent_statement(coding.code, coding.system)]
        assert not (absent and fact.is_positive)
        for concept in _parts(fact, Concept):
            assert concept.text is None or len(concept.text) <= LONGEST_TEXT
            if concept.coding is not None and fact.kind is not FactKind.DIRECTIVE:
                assert (concept.coding.code, concept.text) in written.with_words
        for coding in _parts(fact, Coding):
            assert (coding.code, coding.system, coding.display) in written.with_label


class WrittenCodes:
    """What stands together in a document: `with_label` code, system and label; `with_words` code and words."""

    def __init__(self, content: bytes) -> None:
        root = ElementTree.fromstring(content)
        texts = root.iter(f"{_CDA}text")
        anchors = [
            (part.get("ID"), all_text(part)) for text in texts for part in text.iter() if part.get("ID") is not None
        ]
        self._words = dict(reversed([(anchor, words) for anchor, words in anchors]))
        self.with_label: set[tuple[str, str | None, str | None]] = set()
        self.with_words: set[tuple[str, str | None]] = set()
        for element in root.iter():
            code = (element.get("code") or "").strip()
            if code:
                system, label = (element.get("codeSystem") or "").strip() or None, clean(element.get("displayName"))
                self.with_label.add((code, system, label))
                self.with_words |= {(code, words) for words in self._beside(element)}

    def _beside(self, element: ElementTree.Element) -> Iterator[str | None]:
        """Yields the words that may stand with an element's code: none, its own, those of its translations."""
        yield None
        for part in element.iter():
            if part.tag.endswith("}originalText"):
                reference = next((child for child in part if child.tag.endswith("}reference")), None)
                if reference is None:
                    yield all_text(part)
                else:
                    yield self._words.get((reference.get("value") or "").removeprefix("#").strip())
            elif part.tag.endswith("}translation"):
                yield clean(part.get("displayName"))
                yield (part.get("code") or "").strip()


def _parts(value: object, kind: type[Part]) -> Iterator[Part]:
    if isinstance(value, kind):
        yield value
    if isinstance(value, tuple):
        for item in value:
            yield from _parts(item, kind)
    for name in getattr(value, "__struct_fields__", ()):
        if name not in ("id", "source"):
            yield from _parts(getattr(value, name), kind)


def _any(source: random.Random, root: ElementTree.Element) -> ElementTree.Element:
    elements = list(root.iter())
    return elements[source.randrange(1, len(elements))]


def _change_attribute(source: random.Random, root: ElementTree.Element) -> None:
    _any(source, root).set(source.choice(_ATTRIBUTES), source.choice(_VALUES))


def _remove_attribute(source: random.Random, root: ElementTree.Element) -> None:
    element = _any(source, root)
    if element.attrib:
        del element.attrib[source.choice(sorted(element.attrib))]


def _exchange_attribute(source: random.Random, root: ElementTree.Element) -> None:
    """Two elements exchange a code, a label or another attribute."""
    first, second = _any(source, root), _any(source, root)
    name = source.choice(_ATTRIBUTES)
    one_value, other_value = first.get(name), second.get(name)
    if one_value is not None and other_value is not None:
        first.set(name, other_value)
        second.set(name, one_value)


def _remove(source: random.Random, root: ElementTree.Element) -> None:
    parent = _any(source, root)
    if len(parent):
        parent.remove(source.choice(list(parent)))


def _copy(source: random.Random, root: ElementTree.Element) -> None:
    """Puts a part of the document, up to three levels deep, under another element."""
    part, target = _any(source, root), _any(source, root)
    if sum(1 for _ in part.iter()) < 60:
        target.insert(source.randrange(len(target) + 1), ElementTree.fromstring(ElementTree.tostring(part)))


def _rename(source: random.Random, root: ElementTree.Element) -> None:
    _any(source, root).tag = _any(source, root).tag


def _retemplate(source: random.Random, root: ElementTree.Element) -> None:
    """Gives a statement another template."""
    templates = list(root.iter(f"{_CDA}templateId"))
    if templates:
        source.choice(templates).set("root", source.choice(sorted(KINDS)))


def _retext(source: random.Random, root: ElementTree.Element) -> None:
    _any(source, root).text = source.choice(_VALUES)


def _nest(source: random.Random, root: ElementTree.Element) -> None:
    """Nests a statement in as many others."""
    target = _any(source, root)
    for _ in range(source.choice((2, 30, 60, 300))):
        link = ElementTree.SubElement(target, f"{_CDA}component")
        target = ElementTree.SubElement(link, f"{_CDA}organizer")


_FAULTS: Final[tuple[Callable[[random.Random, ElementTree.Element], None], ...]] = (
    *(_change_attribute, _change_attribute, _remove_attribute, _exchange_attribute, _exchange_attribute),
    *(_remove, _copy, _copy, _rename, _retemplate, _retext, _nest),
)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
