"""The facts of a record, as each reader may see them: of the documents that a search finds for this reader."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from services.records.clinical_facts.usecases.read_facts import read_facts
from services.records.copies.store.matrices import MatrixCache
from services.records.documents.steps.record_searches import RecordQuery
from services.records.facts.context import ReadContext
from services.records.facts.domain.rules import FactsRules
from shared.contracts.audit import AccessRecorded
from shared.http.tokens import Caller
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.deposited_facts import LABORATORY, a_report, a_synthesis
from tests.infra.records.facts import FactsAtWork
from tests.infra.records.records_api import OTHER_DOCTOR, as_doctor, as_patient, as_software
from tests.records.documents.test_changes import DELETE, MASK, PATCH

SOMEBODY, SAME_PERSON = Person(41), Person(43)
READER = as_doctor(OTHER_DOCTOR)
STATED = ["Condition", "AllergyIntolerance", "MedicationStatement"]


@pytest.fixture
async def record(facts: FactsAtWork) -> UUID:
    """OTHER_DOCTOR is authorised."""
    record_id = await facts.api.open_record(SOMEBODY)
    await facts.api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
    return record_id


async def find(facts: FactsAtWork, record: UUID, token: str = READER, **parameters: Any) -> dict[str, Any]:
    answer = await facts.api.client.get(f"/records/{record}/facts", params=parameters, headers=bearer(token))
    assert answer.status_code == 200, answer.text
    bundle: dict[str, Any] = answer.json()
    return bundle


def matches(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def types(bundle: dict[str, Any]) -> list[str]:
    return [resource["resourceType"] for resource in matches(bundle)]


async def test_facts_are_resources_with_their_provenance(facts: FactsAtWork, record: UUID) -> None:
    document = await facts.publish(SOMEBODY)
    bundle = await find(facts, record)
    assert types(bundle) == STATED
    assert "total" not in bundle
    included = [entry["resource"] for entry in bundle["entry"] if entry["search"]["mode"] == "include"]
    for resource, provenance in zip(matches(bundle), included, strict=True):
        assert resource.get("subject", resource.get("patient")) == {"reference": f"Patient/{record}"}
        assert provenance["target"] == [{"reference": f"{resource['resourceType']}/{resource['id']}"}]
        assert provenance["entity"][0]["what"] == {"reference": f"DocumentReference/{document}"}


async def test_who_may_not_search_learns_nothing(facts: FactsAtWork, record: UUID) -> None:
    await facts.publish(SOMEBODY)
    assert types(await find(facts, record, as_patient(record))) == STATED
    for token in (as_doctor("899900000042"), as_patient(uuid4())):
        nothing = await find(facts, record, token)
        unknown = await find(facts, uuid4(), token)
        assert (types(nothing), nothing.keys()) == ([], unknown.keys())
    refused = await facts.api.get(f"/records/{record}/facts", as_software())
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_replaced_version_gives_its_facts_alone(facts: FactsAtWork, record: UUID) -> None:
    first = await facts.publish(SOMEBODY)
    unique_id = await _identifier(facts, first)
    second = await facts.publish(
        SOMEBODY, a_synthesis, deposit={"replaces": unique_id}, condition="I10", replaces=UUID(unique_id[9:])
    )
    assert _sources(await find(facts, record)) == {second}
    assert _sources(await find(facts, record, document=first)) == {first}
    assert matches(await find(facts, record, document=first))[0]["code"]["coding"][0]["code"] == "J45"
    assert matches(await find(facts, record, as_doctor("899900000042"), document=first)) == []


async def test_masking_and_deleting_take_effect_at_once(facts: FactsAtWork, record: UUID) -> None:
    document = await facts.publish(SOMEBODY)
    await _patch(facts, document, as_patient(record), MASK)
    assert types(await find(facts, record)) == []
    assert types(await find(facts, record, as_patient(record))) == STATED
    await _patch(facts, document, as_software(), DELETE)
    assert types(await find(facts, record, as_patient(record))) == []


async def test_filters_by_kind_code_and_time(facts: FactsAtWork, record: UUID) -> None:
    await facts.publish(SOMEBODY)
    await facts.publish(SOMEBODY, a_report, kind=LABORATORY, values={"2345-7": "5.2", "14749-6": "4.1"})
    assert types(await find(facts, record)) == [*["Observation"] * 2, *STATED], "the document received last comes first"
    assert types(await find(facts, record, kind=["allergy", "problem"])) == ["Condition", "AllergyIntolerance"]
    for code in ("2345-7", "http://loinc.org|2345-7"):
        assert types(await find(facts, record, code=code)) == ["Observation"]
    assert types(await find(facts, record, code="http://snomed.info/sct|2345-7")) == []
    assert types(await find(facts, record, **{"from": "2026-09-30"})) == [*["Observation"] * 2, *STATED], (
        "no end stated"
    )
    assert types(await find(facts, record, to="2018-12-31")) == ["AllergyIntolerance"]
    assert types(await find(facts, record, to="2014-12-31")) == []
    for wrong in ({"kind": "nothing"}, {"from": "soon"}, {"cursor": "x"}, {"cursor": f"{uuid4()}.x"}):
        answer = await facts.api.client.get(f"/records/{record}/facts", params=wrong, headers=bearer(READER))
        assert answer.status_code in (400, 422), wrong


async def test_pages_follow_each_other_without_gap_or_repetition(facts: FactsAtWork, record: UUID) -> None:
    values = {f"{number}-0": "1" for number in range(1000, 1090)}
    for _ in range(2):
        await facts.publish(SOMEBODY, a_report, kind=LABORATORY, values=values)
    listed, bundle = [], await find(facts, record, kind="result")
    while True:
        listed.append([resource["id"] for resource in matches(bundle)])
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            break
        answer = await facts.api.client.get(following[0], headers=bearer(READER))
        bundle = answer.json()
    assert list(map(len, listed)) == [100, 80]
    assert len({id for page in listed for id in page}) == 180


async def test_a_person_with_two_records_has_the_facts_of_both(facts: FactsAtWork, record: UUID) -> None:
    other = await facts.api.open_record(SAME_PERSON, linked_to=record)
    await facts.api.open_record(SOMEBODY, record_id=record, linked_to=other)
    first, second = await facts.publish(SOMEBODY), await facts.publish(SAME_PERSON)
    assert _sources(await find(facts, record, as_patient(record))) == {first, second}
    assert _sources(await find(facts, record)) == {first}, "authorised in one of them"


async def test_it_is_traced_as_a_search_and_says_nothing_of_facts(facts: FactsAtWork, record: UUID) -> None:
    await facts.publish(SOMEBODY)
    searched = await facts.api.search(READER, patient=str(record), status="current")
    assert searched.status_code == 200
    await find(facts, record, kind="allergy", code="J01CA04", document=uuid4())
    [search, access] = (await facts.api.announced(AccessRecorded))[-2:]
    assert access.action == "find-documents"
    assert access.model_dump(exclude={"seen"}) == search.model_dump(exclude={"seen"})


async def test_only_blocks_of_the_groups_and_documents_that_are_asked_for_are_loaded(
    facts: FactsAtWork, record: UUID
) -> None:
    synthesis = await facts.publish(SOMEBODY)
    report = await facts.publish(SOMEBODY, a_report, kind=LABORATORY, values={"2345-7": "5.2"})
    pending = await facts.publish(SOMEBODY, extracted=False)
    hidden = await facts.publish(SOMEBODY)
    await _patch(facts, hidden, as_patient(record), MASK)
    for document in (hidden, pending):
        await facts.api.pool.execute("update fact_blocks set block = '\\x00' where document_id = $1", document)
    await facts.api.pool.execute("update fact_blocks set block = '\\x00' where fact_group = 'results'")
    context = ReadContext(facts.api.pool, facts.api.vault, MatrixCache(), FactsRules(timedelta(minutes=2)))
    reader = Caller("professional", OTHER_DOCTOR, "card", frozenset(), profession="10")
    readable = await read_facts(context, reader, RecordQuery(record), {"summary"})
    assert {source.id: source.state for source in readable.sources} == {
        synthesis: "read",
        report: "read",
        pending: "pending",
    }
    assert [sourced.source.id for sourced in readable.facts] == [synthesis] * 3
    assert readable.text_only == {synthesis: 1}


def _sources(bundle: dict[str, Any]) -> set[UUID]:
    return {
        UUID(entry["resource"]["entity"][0]["what"]["reference"].partition("/")[2])
        for entry in bundle.get("entry", [])
        if entry["search"]["mode"] == "include"
    }


async def _patch(facts: FactsAtWork, document: UUID, token: str, operation: dict[str, Any]) -> httpx2.Response:
    answer = await facts.api.client.patch(
        f"/fhir/DocumentReference/{document}",
        content=orjson.dumps([operation]),
        headers={**bearer(token), **PATCH},
    )
    assert answer.status_code == 200, answer.text
    return answer


async def _identifier(facts: FactsAtWork, document: UUID) -> str:
    token = as_patient(await facts.api.pool.fetchval("select record_id from documents where id = $1", document))
    identifier: str = (await facts.api.get(f"/fhir/DocumentReference/{document}", token)).json()["masterIdentifier"][
        "value"
    ]
    return identifier
