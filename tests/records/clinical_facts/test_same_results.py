"""One result in several documents is recognised by code, moment, value, unit, and specimen or laboratory."""

from msgspec import structs

from services.records.clinical_facts.domain.codec import fact_id
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind, FactSource, SpecimenDetail
from services.records.clinical_facts.domain.same_results import SourcedResult, group_same_results
from services.records.clinical_facts.domain.values import Coding, Concept, FactParty, FactTime, Quantity
from shared.runtime import clock

VERSION = clock.new_id(bucket=1)
LABORATORY, OTHER = "1990000001", "1990000002"
UREA = ClinicalFact(
    id=fact_id(VERSION, "1/0", FactKind.RESULT),
    kind=FactKind.RESULT,
    source=FactSource("1/0"),
    code=Concept(Coding("22664-7", "2.16.840.1.113883.6.1", "Urée")),
    value=Quantity("10.02", "mmol/L"),
    time=FactTime("2021-01-04T10:10+01:00"),
)


def are_same(first: ClinicalFact, second: ClinicalFact, organisation: str | None = LABORATORY) -> bool:
    results = [SourcedResult(first, LABORATORY), SourcedResult(second, organisation)]
    return len(group_same_results(results)) == 1


def test_a_copy_of_the_same_laboratory_is_the_same_result() -> None:
    assert are_same(UREA, UREA)
    assert not are_same(UREA, UREA, OTHER)
    assert not are_same(UREA, UREA, None)


def test_the_laboratory_that_a_quoting_document_names_counts_before_its_organisation() -> None:
    named = structs.replace(UREA, parties=(FactParty("performer", organisation_id=f"1.2.250.1.71.4.2.2^{LABORATORY}"),))
    assert are_same(UREA, named, OTHER)


def test_the_same_specimen_makes_results_of_two_places_the_same() -> None:
    numbered = structs.replace(UREA, specimen=SpecimenDetail("1.2.3^S-1"))
    assert are_same(numbered, numbered, OTHER)
    assert not are_same(numbered, structs.replace(UREA, specimen=SpecimenDetail("1.2.3^S-2")), OTHER)


def test_another_code_moment_value_unit_comparator_or_precision_is_another_result() -> None:
    others = [
        structs.replace(UREA, code=Concept(Coding("22664-8", "2.16.840.1.113883.6.1"))),
        structs.replace(UREA, time=FactTime("2021-01-04T10:11+01:00")),
        structs.replace(UREA, value=Quantity("10.020", "mmol/L")),
        structs.replace(UREA, value=Quantity("10.02", "mmol/l")),
        structs.replace(UREA, value=Quantity("10.02", "mmol/L", "<")),
        structs.replace(UREA, value=Quantity("0.60", "g/L")),
    ]
    assert not any(are_same(UREA, other) for other in others)
    day = structs.replace(UREA, time=FactTime("2021-01-04"))
    assert not are_same(day, day)


def test_what_has_no_code_moment_or_value_is_never_the_same() -> None:
    for other in (
        structs.replace(UREA, code=Concept(text="Urée")),
        structs.replace(UREA, time=None),
        structs.replace(UREA, value=None),
    ):
        assert not are_same(other, other)
