"""The entries of a signed sheet say which fact of which document they cite."""

from datetime import date
from typing import Literal
from uuid import UUID

import pytest

from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource
from services.records.summary.domain.citations import CITED_FACT, Citation, citation_of, line_id
from services.records.summary.domain.sheet import Chapter, CitedDocument, LineOrigin, SummaryLine

DOCUMENT, FACT = UUID(int=1), UUID(int=2)


def a_line(origin: LineOrigin, *sources: CitedDocument) -> SummaryLine:
    fact = ClinicalFact(id=FACT, kind=FactKind.ALLERGY, source=FactSource("0/0"))
    return SummaryLine(FACT, Chapter.ALLERGIES, fact, origin, sources=sources)


def ids_of(line: SummaryLine) -> list[str]:
    id = line_id(line)
    return ["2.25.1^other", f"{id.root}^{id.extension}"]


def test_a_line_of_a_document_is_read_back_as_a_citation_of_its_fact() -> None:
    line = a_line("document", CitedDocument(DOCUMENT, FACT, day=date(2026, 1, 2)))
    assert citation_of(ids_of(line)) == Citation("fact", FACT, DOCUMENT)


@pytest.mark.parametrize("origin", ["doctor", "patient-side"])
def test_a_statement_is_read_back_as_one(origin: Literal["doctor", "patient-side"]) -> None:
    assert citation_of(ids_of(a_line(origin))) == Citation(origin, FACT)


@pytest.mark.parametrize("ids", [[], ["1.2.3^x"], [f"{CITED_FACT}^x"], [CITED_FACT]])
def test_other_ids_cite_nothing(ids: list[str]) -> None:
    assert citation_of(ids) is None
