"""Facts are written as valid FHIR R4, negations and absences never as positives, numbers with their own digits."""

import json
import random
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.resources import (
    FACT_MARKS,
    RESOURCES,
    ResourceFrame,
    SourceDocument,
    provenance,
    resource_of,
)
from shared.runtime import clock
from tests.infra.fhir.oracle import assert_fhir_resource
from tests.infra.records.fact_documents import laboratory_report, synthesis
from tests.infra.records.fact_mutations import spoiled_document
from tests.infra.records.structured_cdas import (
    CCAM,
    CIM_10,
    CIS,
    EMDN,
    LOINC,
    NONE_SYSTEM,
    SNOMED_35,
    a_structured_cda,
    agent,
    allergy,
    boolean,
    cd,
    code,
    device,
    linked,
    medicine,
    observation,
    pq,
    problem,
    problems,
    procedure,
    result,
    section,
    subject,
    time,
    treatment,
)
from tests.records.clinical_facts.test_samples import SAMPLES

VERSION = clock.new_id(bucket=5)
FRAME = ResourceFrame(UUID(int=1 << 80), date(2026, 11, 30))
DOCUMENT = SourceDocument(VERSION, datetime(2026, 11, 29, 8, tzinfo=UTC), "1990000001", "Hôpital inventé")
AMOXICILLIN = agent(code("code", "60002283", CIS, "AMOXICILLINE"))
NONE = ("02276797", NONE_SYSTEM, "Aucun")


def checked(fact: ClinicalFact) -> dict[str, Any]:
    """Returns the resource as its reader gets it, after the oracle has looked at it and its Provenance."""
    resource: dict[str, Any] = json.loads(orjson.dumps(resource_of(fact, FRAME)))
    assert_fhir_resource(resource)
    assert resource["resourceType"] == RESOURCES[fact.kind]
    assert resource["id"] == str(fact.id)
    assert_fhir_resource(json.loads(orjson.dumps(provenance(fact, RESOURCES[fact.kind], DOCUMENT))))
    return resource


def resources(*sections: str) -> list[dict[str, Any]]:
    return [checked(fact) for fact in extract(a_structured_cda(*sections), "text/xml", VERSION).facts]


def only(place: str, entry: str) -> dict[str, Any]:
    (resource,) = resources(section(place, entry, title="Pendant le séjour"))
    return resource


@pytest.mark.parametrize("content", [synthesis(2), laboratory_report(8)], ids=["synthesis", "laboratory"])
def test_every_fact_of_the_invented_documents_is_valid_fhir(content: bytes) -> None:
    facts = extract(content, "text/xml", VERSION).facts
    assert len({checked(fact)["id"] for fact in facts}) == len(facts)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.xml")) if SAMPLES.is_dir() else [], ids=lambda path: path.stem)
def test_every_fact_of_the_published_documents_is_valid_fhir(path: Any) -> None:
    facts = extract(path.read_bytes(), "text/xml", VERSION).facts
    assert len({checked(fact)["id"] for fact in facts}) == len(facts)


def test_facts_of_spoiled_documents_are_valid_fhir() -> None:
    count = 0
    for number in range(150):
        facts = extract(spoiled_document(random.Random(f"fhir-{number}")), "text/xml", VERSION).facts
        count += len([checked(fact) for fact in facts])
    assert count > 100


@pytest.mark.parametrize(
    ("place", "entry", "member", "expected"),
    [
        ("132", problems(problem(cd("J45", CIM_10), negated=True)), "verificationStatus", "refuted"),
        ("137", allergy(AMOXICILLIN, negated=True), "verificationStatus", "refuted"),
        ("143", treatment(medicine("1", "PLAVIX"), negated=True), "status", "not-taken"),
        ("147", treatment(time("2020"), medicine("1", "BCG"), numbers=["45"], negated=True), "status", "not-done"),
        ("120", treatment(medicine("1", "BCG"), numbers=["47"], mood="INT"), "status", "not-done"),
        ("136", procedure(code("code", "DDAF004", CCAM), negated=True), "status", "not-done"),
        ("158", procedure(code("code", "DDAF004", CCAM), mood="INT"), "status", "preparation"),
        ("136", procedure(code("code", *NONE)), "status", "not-done"),
        ("143", treatment(medicine("02276797", "Aucun", system=NONE_SYSTEM)), "status", "not-taken"),
        ("143", treatment(medicine("1", "PLAVIX"), time(low="2020")), "status", "active"),
        ("143", treatment(medicine("1", "PLAVIX"), time(low="2020", high="20201231")), "status", "completed"),
        ("143", treatment(medicine("1", "PLAVIX"), time(low="2020", high="20261231")), "status", "active"),
        ("171", treatment(medicine("1", "PLAVIX"), numbers=["83"], mood="INT"), "status", "intended"),
        ("144", treatment(medicine("1", "PLAVIX")), "status", "unknown"),
        ("222", device(code("code", "V0806", EMDN), mood="INT"), "status", "intended"),
    ],
)
def test_the_status_says_what_the_document_says(place: str, entry: str, member: str, expected: str) -> None:
    value = only(place, entry)[member]
    assert (value if isinstance(value, str) else value["coding"][0]["code"]) == expected


@pytest.mark.parametrize(
    ("place", "entry"),
    [
        ("77", observation(["53"], code("code", "11884-4", LOINC), pq("41", "wk"), negated=True)),
        ("71", observation(["80"], code("code", "718-7", LOINC), pq("12", "g/dL"), negated=True)),
        ("141", observation(["52"], code("code", "72166-2", LOINC), cd("F", SNOMED_35), negated=True)),
    ],
)
def test_a_negated_observation_has_no_value(place: str, entry: str) -> None:
    resource = only(place, entry)
    assert not [name for name in resource if name.startswith("value")]
    assert resource["note"] == [{"text": "Nié dans le document."}]


def test_a_negated_finding_is_answered_by_no_and_a_negated_family_history_names_no_condition() -> None:
    assert only("85", problem(cd("D4-02214", SNOMED_35, "Trisomie 21"), negated=True))["valueBoolean"] is False
    relative = observation(
        ["51"], subject("MTH"), code("code", "G-1009", SNOMED_35), cd("E11", CIM_10, "Diabète"), negated=True
    )
    assert "condition" not in only("139", relative)


def test_an_absence_has_its_tag_and_its_scope() -> None:
    resource = only("137", allergy(cd(*NONE)))
    assert resource["meta"]["tag"] == [{"system": FACT_MARKS, "code": "none"}]
    assert resource["note"] == [{"text": "Portée : Pendant le séjour"}]


def test_a_directive_says_that_it_exists_and_nothing_more() -> None:
    resource = only("157", observation(["54"], code("code", "75779-9", LOINC), boolean(False)))
    assert not [name for name in resource if name.startswith("value")]
    assert resource["dataAbsentReason"]["coding"][0]["code"] == "masked"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pq("2.050", "m[IU]/L"), '"valueQuantity":{"value":2.050,"unit":"m[IU]/L"}'),
        (pq("007", "g"), '"valueQuantity":{"value":7,"unit":"g"}'),
        (pq(".50", "g"), '"valueQuantity":{"value":0.50,"unit":"g"}'),
        (pq("1e3", "g"), '"valueString":"1e3 g"'),
        ('<value xsi:type="ED">&lt;1.0 mg/L</value>', '"valueQuantity":{"value":1.0,"comparator":"<","unit":"mg/L"}'),
        ('<value xsi:type="TS" value="202409030930"/>', '"valueDateTime":"2024-09-03T09:30:00+02:00"'),
    ],
)
def test_a_value_is_written_with_its_own_digits(value: str, expected: str) -> None:
    (fact,) = extract(a_structured_cda(section("71", result("718-7", "Hb", value))), "text/xml", VERSION).facts
    checked(fact)
    assert expected in orjson.dumps(resource_of(fact, FRAME)).decode()


def test_a_conversion_is_an_extension_and_no_second_value() -> None:
    resource = only("71", result("2571-8", "TG", pq("0.62", "g/L", '<translation value="0.71" code="mmol/L"/>')))
    assert resource["valueQuantity"]["extension"][0]["valueQuantity"] == {"value": 0.71, "unit": "mmol/L"}
    assert "component" not in resource


def test_a_denied_reaction_is_a_note_and_no_reaction() -> None:
    resource = only("137", allergy(AMOXICILLIN, linked("MFST", problem(cd("T78.3", CIM_10, "Œdème"), negated=True))))
    assert "reaction" not in resource
    assert resource["note"] == [{"text": "Réaction niée dans le document : Œdème"}]


def test_the_provenance_names_document_section_and_entry() -> None:
    (fact,) = extract(a_structured_cda(section("132", problems(problem(cd("J45", CIM_10))))), "text/xml", VERSION).facts
    (entity,) = provenance(fact, "Condition", DOCUMENT)["entity"]
    assert entity["what"] == {"reference": f"DocumentReference/{VERSION}"}
    assert [extension["valueString"] for extension in entity["extension"]] == ["Section", fact.source.entry]
