"""Spoiled structured documents are read without a crash, in bounded time, and no code gets words of another.

DMP_FACT_MUTATIONS and DMP_MUTATION_SEED set number and seed of the long test.
"""

import os

import pytest

from services.records.clinical_facts.domain.extraction import extract
from tests.infra.records.fact_documents import laboratory_report, synthesis
from tests.infra.records.fact_mutations import VERSION, MutationReport, check, read_mutations

SEED = int(os.environ.get("DMP_MUTATION_SEED", "20"))


def assert_varied(report: MutationReport, count: int) -> None:
    assert report.outcomes.total() == count
    assert {outcome for outcome, _ in report.outcomes} == {"read", "in-part", "none", "unreadable"}
    assert report.facts > count


def test_two_thousand_spoiled_documents_are_read_safely() -> None:
    assert_varied(read_mutations(2_000, SEED), 2_000)


@pytest.mark.long
def test_a_hundred_thousand_spoiled_documents_are_read_safely() -> None:
    count = int(os.environ.get("DMP_FACT_MUTATIONS", "100000"))
    assert_varied(read_mutations(count, SEED + 1), count)


@pytest.mark.parametrize("content", [synthesis(), laboratory_report()])
def test_a_code_with_the_label_of_another_is_noticed(content: bytes) -> None:
    extraction = extract(content, "text/xml", VERSION)
    check(extraction, content)
    other = content.replace("Urée [".encode(), b"Autre [").replace(b"Asthme allergique", b"Autre")
    with pytest.raises(AssertionError):
        check(extraction, other)
