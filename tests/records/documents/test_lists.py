"""A list holds exactly the documents that the same asker may open one by one, and the ledger has why."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import services.records
from services.records.copies.store.matrices import MatrixCache
from services.records.deposits.domain.submissions import parse_and_check
from services.records.documents.domain.metadata import metadata_of
from services.records.facts.context import ReadContext
from services.records.facts.domain.rules import FactsRules
from shared.access import Permit, decide, decode_facts
from shared.contracts.audit import AccessRecorded
from tests.infra.http.tokens import professional_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import LABELS, STATES, TYPES, Sort, every_sort, fill, requesters
from tests.infra.records.records_api import (
    CLINIC,
    DOCTOR,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    bundle_of,
    named,
)

SOMEBODY = Person(86)
REPRESENTATIVE, CARER = uuid4(), uuid4()

MIGRATIONS = Path(str(services.records.__file__)).parent / "migrations"


def desk_at(api: RecordsApi) -> ReadContext:
    return ReadContext(api.pool, api.vault, MatrixCache(), FactsRules(timedelta(seconds=120)))


async def filled(api: RecordsApi, **chosen: Any) -> tuple[UUID, dict[UUID, Sort]]:
    """A record with a document of each sort, and somebody of every relation to it."""
    record = await api.open_record(SOMEBODY)
    await api.name_people(
        record, 1, representatives=[named(REPRESENTATIVE)], carers=[named(CARER, "carer")], is_minor=True
    )
    metadata = metadata_of(parse_and_check(bundle_of(a_deposit(SOMEBODY))).documents[0])
    made = await fill(api, desk_at(api), record, list(every_sort()), metadata)
    await api.choose(record, 1, **chosen)
    return record, made


async def listed(api: RecordsApi, record: UUID, token: str) -> set[UUID] | int:
    """All pages, in every status; or the status of the refusal."""
    parameters = {"patient": str(record), "status": "current,superseded,entered-in-error", "_count": "100"}
    answer = await api.search(token, **parameters)
    listed_ids: set[UUID] = set()
    while answer.status_code == 200:
        listed_ids |= {UUID(entry["resource"]["id"]) for entry in answer.json().get("entry", [])}
        following = [link["url"] for link in answer.json()["link"] if link["relation"] == "next"]
        if not following:
            return listed_ids
        answer = await api.get(following[0], token)
    return answer.status_code


async def opened(api: RecordsApi, documents: dict[UUID, Sort], token: str) -> set[UUID]:
    """One by one."""
    return {id for id in documents if (await api.get(f"/fhir/DocumentReference/{id}", token)).status_code == 200}


CHOICES: dict[str, Any] = {
    "authorisations": [
        {"holder_id": national_id, "from": "2026-01-01T00:00:00Z"} for national_id in (DOCTOR, OTHER_DOCTOR)
    ]
    + [{"holder_id": "899900000059", "from": "2026-01-01T00:00:00Z"}]
    + [{"holder_id": CLINIC, "from": "2026-01-01T00:00:00Z", "how": "care-team"}],
    "applications": [{"application_id": "app-1", "sections": ["BIOLOGIE"]}],
    "hidden_sections": ["BIOLOGIE"],
    "emergency": {"masked_documents": True},
}


@pytest.mark.long
async def test_who_asks_finds_exactly_what_they_may_open(api: RecordsApi) -> None:
    record, documents = await filled(api, **CHOICES)
    assert len(documents) == len(STATES) * len(LABELS) * len(TYPES) * 2
    sizes = {}
    for number, (name, token) in enumerate(
        requesters(record, {"representative": REPRESENTATIVE, "carer": CARER}).items()
    ):
        listed_ids = await listed(api, record, token)
        if listed_ids == 403:
            assert name in ("administrator",)
            listed_ids = set()
        assert isinstance(listed_ids, set), name
        some = {id: documents[id] for id in list(documents)[number % 4 :: 4]}
        assert listed_ids & some.keys() == await opened(api, some, token), name
        sizes[name] = len(listed_ids)
    assert sizes["patient"] > sizes["representative"] == sizes["carer"] > sizes["application"] > 0
    assert sizes["break-glass"] > sizes["other doctor"] > sizes["pharmacist"] > 0
    assert sizes["doctor of the clinic"] > 0
    nobody = ("stranger", "unknown doctor", "representative of nobody", "unknown application", "administrator")
    assert {sizes[name] for name in nobody} == {0}


async def test_documents_from_before_the_combinations_are_found_as_soon_as_the_migration_has_filled_them(
    api: RecordsApi,
) -> None:
    record, _ = await filled(api)
    listed_ids = await listed(api, record, as_patient(record))
    await api.pool.execute("delete from document_combinations")
    assert await listed(api, record, as_patient(record)) == set()
    await api.pool.execute((MIGRATIONS / "0008_pre_fill_document_combinations.sql").read_text("utf-8"))
    assert await listed(api, record, as_patient(record)) == listed_ids != set()


async def test_a_search_is_one_entry_from_which_each_answer_can_be_given_again(api: RecordsApi) -> None:
    record, documents = await filled(api, **CHOICES)
    listed_ids = await listed(api, record, as_doctor(OTHER_DOCTOR))
    traces = [event for event in await api.announced(AccessRecorded) if event.action == "find-documents"]
    trace = traces[-1]
    assert isinstance(listed_ids, set)
    assert (trace.matrix, trace.outcome, trace.motive) == ("2023-10-26", "permitted", None)
    assert trace.facts["authorisation"] == "valid"
    assert 20 < len(trace.combinations) <= len(documents)
    for combination in trace.combinations:
        again = decide(decode_facts({**trace.facts, **combination.facts}))
        assert (isinstance(again, Permit)) is (combination.outcome == "permitted"), combination
        assert combination.reason == (again.rule if isinstance(again, Permit) else again.reason)
    assert isinstance(decide(decode_facts(trace.facts)), Permit)


async def test_an_author_who_is_not_authorised_finds_the_own_documents(api: RecordsApi) -> None:
    record, documents = await filled(api)
    listed_ids = await listed(api, record, as_doctor(DOCTOR))
    assert listed_ids == {
        id
        for id, sort in documents.items()
        if sort.author == DOCTOR and sort.status == "published" and sort.life != "deleted"
    }
    trace = [event for event in await api.announced(AccessRecorded) if event.action == "find-documents"][-1]
    assert (trace.outcome, trace.reason) == ("permitted", "author")


async def test_what_is_superseded_or_archived_is_found_by_its_status_and_marked(api: RecordsApi) -> None:
    record, documents = await filled(api)
    token = as_patient(record)
    states = {}
    for status in ("current", "superseded", "entered-in-error"):
        answer = await api.search(token, patient=str(record), status=status, _count="100")
        resources = [entry["resource"] for entry in answer.json().get("entry", [])]
        assert {resource["status"] for resource in resources} <= {status}
        states[status] = resources
    assert states["entered-in-error"] == []
    assert {documents[UUID(reference["id"])].life for reference in states["superseded"]} == {"superseded"}
    archived = {reference["id"] for reference in states["current"] if "extension" in reference}
    assert archived == {reference["id"] for reference in states["current"] if documents[UUID(reference["id"])].archived}
    assert archived


async def test_a_type_of_which_the_decree_says_nothing_is_marked(api: RecordsApi) -> None:
    record, documents = await filled(api, authorised=["899900000067"])
    dentist = professional_token("899900000067", "40")
    answer = await api.search(dentist, patient=str(record), status="current", _count="100")
    resources = [entry["resource"] for entry in answer.json()["entry"]]
    marked = {resource["id"] for resource in resources if "tag" in resource["meta"]}
    assert marked == {resource["id"] for resource in resources}
    [document] = [id for id in documents if str(id) in marked][:1]
    single = await api.get(f"/fhir/DocumentReference/{document}", dentist)
    assert single.headers["x-access-marks"] == "not-from-the-decree"
