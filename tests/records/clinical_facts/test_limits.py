"""What cannot be read is a result with a reason: limits, other persons' documents, documents without facts."""

import itertools
from collections.abc import Callable

import pytest

from services.records.clinical_facts.domain.extraction import ExtractionLimits, extract
from services.records.clinical_facts.domain.model import Extraction
from shared.cda.summary import CdaSummary
from shared.runtime import clock
from tests.infra.records.structured_cdas import (
    CIM_10,
    LOINC,
    PERSON,
    a_structured_cda,
    cd,
    code,
    component,
    observation,
    problem,
    problems,
    section,
)

VERSION = clock.new_id(bucket=3)
PROBLEM = problems(problem(cd("J45", CIM_10, "Asthme")))
CONTENT = a_structured_cda(section("132", PROBLEM, PROBLEM))


def read(content: bytes = CONTENT, limits: ExtractionLimits | None = None, **others: object) -> Extraction:
    return extract(content, "text/xml", VERSION, limits=limits or ExtractionLimits(), **others)  # type: ignore[arg-type]


def result_of(extraction: Extraction) -> tuple[str, str | None, int]:
    return extraction.outcome, extraction.reason, len(extraction.facts)


def nested(depth: int) -> bytes:
    entry = PROBLEM
    for _ in range(depth):
        entry = f"<organizer>{component(entry)}</organizer>"
    return a_structured_cda(section("132", PROBLEM, entry))


@pytest.mark.parametrize(
    ("content", "limits", "expected"),
    [
        (CONTENT, ExtractionLimits(), ("read", None, 2)),
        (CONTENT, ExtractionLimits(size=len(CONTENT) - 1), ("unreadable", "too-large", 0)),
        (CONTENT, ExtractionLimits(elements=50), ("unreadable", "too-many-elements", 0)),
        (CONTENT, ExtractionLimits(facts=1), ("in-part", "too-many-facts", 2)),
        (nested(38), ExtractionLimits(), ("read", None, 2)),
        (nested(39), ExtractionLimits(), ("in-part", "too-deep", 1)),
        (nested(20_000), ExtractionLimits(), ("in-part", "too-deep", 1)),
        (b"", ExtractionLimits(), ("unreadable", "xml-invalid", 0)),
        (CONTENT[:-40], ExtractionLimits(), ("unreadable", "xml-invalid", 0)),
        (b"<a/>", ExtractionLimits(), ("none", "not-structured", 0)),
        (CONTENT.replace(b"?>", b"?><!DOCTYPE a>", 1), ExtractionLimits(), ("unreadable", "xml-invalid", 0)),
        (CONTENT.replace(b"UTF-8", b"cp037", 1), ExtractionLimits(), ("unreadable", "xml-invalid", 0)),
        (CONTENT.replace(b"UTF-8", b"utf8", 1), ExtractionLimits(), ("read", None, 2)),
    ],
)
def test_a_document_is_read_within_limits(
    content: bytes, limits: ExtractionLimits, expected: tuple[str, str | None, int]
) -> None:
    assert result_of(read(content, limits)) == expected


def test_a_comment_that_names_a_doctype_is_no_doctype() -> None:
    assert result_of(read(CONTENT.replace(b"?>", b"?><!-- <!DOCTYPE -->", 1))) == ("read", None, 2)


@pytest.mark.parametrize(("moment", "expected"), [(0, ("unreadable", 0)), (2, ("in-part", 1))])
def test_time_that_runs_out_ends_the_reading(moment: int, expected: tuple[str, int]) -> None:
    ticks = itertools.count()
    extraction = read(is_over=lambda: next(ticks) > moment)
    assert (extraction.outcome, len(extraction.facts)) == expected
    assert extraction.reason == "time-limit"


def test_letters_of_latin_1_are_read() -> None:
    latin = CONTENT.decode().replace("UTF-8", "ISO-8859-1").replace("Asthme", "Asthénie").replace("€", "e")
    (fact, _) = read(latin.encode("latin-1")).facts
    assert fact.code is not None
    assert fact.code.label == "Asthénie"


def test_a_document_within_its_style_sheet_is_found() -> None:
    inner = CONTENT.partition(b"?>")[2]
    sheet = b'<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><Contenu>' + inner
    assert result_of(read(sheet + b"</Contenu></xsl:stylesheet>")) == ("read", None, 2)


@pytest.mark.parametrize("content_type", ["application/pdf", "text/plain", ""])
def test_what_is_no_xml_has_no_facts(content_type: str) -> None:
    assert result_of(extract(b"%PDF", content_type, VERSION)) == ("none", "not-structured", 0)


def test_a_content_type_may_have_parameters() -> None:
    assert extract(CONTENT, "text/xml; charset=utf-8", VERSION).outcome == "read"


def test_reimbursements_are_no_clinical_facts() -> None:
    accounts = CONTENT.replace(
        b'code="60591-5" codeSystem="2.16.840.1.113883.6.1"', b'code="REMB" codeSystem="1.2.250.1.213.1.1.4.12"'
    )
    assert result_of(read(accounts)) == ("none", "reimbursements", 0)


def of_person(ins: str) -> Callable[[CdaSummary], bool]:
    return lambda summary: any(stated.matricule == ins for stated in summary.ins)


def test_a_header_that_names_another_person_makes_the_document_unreadable() -> None:
    assert result_of(read(is_of_patient=of_person(PERSON.ins))) == ("read", None, 2)
    assert result_of(read(is_of_patient=of_person("1" * 15))) == ("unreadable", "other-patient", 0)
    assert result_of(read(b"<a/>", is_of_patient=of_person("1" * 15))) == ("none", "not-structured", 0)


def test_a_text_made_of_very_many_elements_costs_little() -> None:
    entry = observation(["48"], code("code", "A", LOINC), '<text><reference value="#w"/></text>')
    words = {"w": "<b>" * 200 + "x" + "</b>" * 200 + "<b/>" * 20_000}
    content = a_structured_cda(section("151", *([entry] * 500), words=words))
    assert read(content).text_only == 500
