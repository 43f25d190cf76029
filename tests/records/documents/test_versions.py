"""The versions of one document: what hides or deletes one of them does so to all, decided on the current one."""

from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest

from services.records.documents.domain.json_patch import IS_DELETED
from shared.access import decode_facts
from shared.contracts.records import DocumentRelabelled, DocumentWithdrawn
from shared.db.backfill import fill
from shared.fhir.submission import Author, AuthorKind
from shared.fhir.write import IS_ARCHIVED
from shared.values import NationalProfessionalId, NationalStructureId
from tests.conftest import NewDatabase
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import (
    DOCTOR,
    HOSPITAL,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    document_ids,
    named,
    run_records_api,
)
from tests.records.deposits.test_replacing import by_id, labels_of, patch, replacing

SOMEBODY = Person(89)
MOTHER = UUID("11111111-1111-4111-8111-111111111111")
FILL = Path(__file__).parents[3] / "services/records/migrations/0015_pre_fill_chains.batch.sql"
REMOVE = {"op": "remove", "path": "/securityLabel/1"}
DELETE = {"op": "replace", "path": "/status", "value": "entered-in-error"}
ARCHIVE = {"op": "add", "path": "/extension/-", "value": {"url": IS_ARCHIVED, "valueBoolean": True}}
OTHER_AUTHOR = (
    Author(AuthorKind.PROFESSIONAL, NationalProfessionalId(OTHER_DOCTOR), NationalStructureId(HOSPITAL), "G15_10/SM26"),
)


def hide(code: str) -> dict[str, Any]:
    return {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": code}]}}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
    await api.name_people(record_id, 1, representatives=[named(MOTHER)])
    await api.be_fresh()
    return record_id


async def replaced(api: RecordsApi, old: UUID, **changed: Any) -> UUID:
    [new] = document_ids(await api.deposit(replacing(by_id(old), person=SOMEBODY, **changed)))
    await api.decide(new)
    return new


async def versions_of_three(api: RecordsApi) -> list[UUID]:
    [first] = await api.publish(a_deposit(SOMEBODY))
    second = await replaced(api, first)
    return [first, second, await replaced(api, second)]


async def statuses(api: RecordsApi, documents: list[UUID], token: str) -> set[int]:
    return {(await api.get(f"/fhir/Binary/{document}", token)).status_code for document in documents}


@pytest.mark.parametrize("about", [0, 1, 2])
async def test_a_mask_on_any_version_masks_all_and_is_lifted_from_all(
    api: RecordsApi, record: UUID, about: int
) -> None:
    documents = await versions_of_three(api)
    assert await statuses(api, documents, as_doctor(OTHER_DOCTOR)) == {200}
    masked = await patch(api, as_patient(record), documents[about], hide("MASQUE_PS"))
    assert masked.status_code == 200
    assert await statuses(api, documents, as_doctor(OTHER_DOCTOR)) == {404}
    events = await api.announced(DocumentRelabelled)
    assert [event.document_id for event in events] == documents, "one event a version"
    assert [event.version for event in events] == [3, 3, 2], "each with its own"
    assert {event.change for event in events} == {"mask"}
    assert masked.headers["etag"] == f'W/"{events[about].version}"'
    assert {decode_facts(event.facts).document_status for event in events} == {"published"}, (
        "decided on the current one"
    )
    assert (await patch(api, as_patient(record), documents[0], REMOVE)).status_code == 200
    assert await statuses(api, documents, as_doctor(OTHER_DOCTOR)) == {200}


@pytest.mark.parametrize(
    ("code", "shut_out"), [("INVISIBLE_PATIENT", as_patient), ("INVISIBLE_REPRESENTANTS_LEGAUX", None)]
)
async def test_what_the_author_hides_in_the_current_version_is_hidden_in_the_replaced_ones(
    api: RecordsApi, record: UUID, code: str, shut_out: Any
) -> None:
    documents = await versions_of_three(api)
    token = acting("representative", MOTHER, record) if shut_out is None else shut_out(record)
    assert await statuses(api, documents, token) == {200}
    assert (await patch(api, as_doctor(), documents[-1], hide(code))).status_code == 200
    assert await statuses(api, documents, token) == {404}


@pytest.mark.parametrize("about", [0, 2])
@pytest.mark.parametrize("who", [as_doctor, as_software])
async def test_a_deletion_is_of_all_versions_and_an_older_one_alone_is_not_deleted(
    api: RecordsApi, record: UUID, about: int, who: Any
) -> None:
    documents = await versions_of_three(api)
    by_extension = [
        {"op": "replace", "path": "/status", "value": "superseded"},
        {"op": "add", "path": "/extension/-", "value": {"url": IS_DELETED, "valueBoolean": True}},
    ]
    operations = [DELETE] if about else by_extension
    assert (await patch(api, who(), documents[about], *operations)).status_code == 200
    for token in (as_patient(record), as_doctor(), as_doctor(OTHER_DOCTOR), as_software()):
        assert await statuses(api, documents, token) == {404}
    assert [event.document_id for event in await api.announced(DocumentWithdrawn)] == documents


async def test_the_current_version_decides_and_not_the_one_that_is_asked_about(api: RecordsApi, record: UUID) -> None:
    """Who wrote the first version and not the second changes neither of them any more."""
    [first] = await api.publish(a_deposit(SOMEBODY))
    second = await replaced(api, first, authors=OTHER_AUTHOR)
    for operation in (hide("INVISIBLE_PATIENT"), hide("MASQUE_PS"), DELETE):
        assert (await patch(api, as_doctor(DOCTOR), first, operation)).status_code == 404
    assert await statuses(api, [first, second], as_patient(record)) == {200}
    assert (await patch(api, as_doctor(OTHER_DOCTOR), second, hide("INVISIBLE_PATIENT"))).status_code == 200
    assert await statuses(api, [first, second], as_patient(record)) == {404}


async def test_a_version_that_is_not_published_has_no_part_in_it(api: RecordsApi, record: UUID) -> None:
    [first] = await api.publish(a_deposit(SOMEBODY))
    [waiting] = document_ids(await api.deposit(replacing(by_id(first), person=SOMEBODY)))
    [refused] = document_ids(await api.deposit(replacing(by_id(first), person=SOMEBODY)))
    await api.decide(refused, reason="consent-opposed")
    for document_id in (waiting, refused):
        assert (await patch(api, as_software(), document_id, DELETE)).status_code == 404
    assert await statuses(api, [first], as_patient(record)) == {200}
    assert (await patch(api, as_patient(record), first, hide("MASQUE_PS"))).status_code == 200
    assert [event.document_id for event in await api.announced(DocumentRelabelled)] == [first]


async def test_archiving_is_about_one_version(api: RecordsApi, record: UUID) -> None:
    documents = await versions_of_three(api)
    assert (await patch(api, as_doctor(), documents[-1], ARCHIVE)).status_code == 200
    archived = await api.pool.fetch("select id from documents where archived")
    assert [row["id"] for row in archived] == [documents[-1]]


async def test_what_if_counts_all_versions(api: RecordsApi, record: UUID) -> None:
    documents = await versions_of_three(api)
    [other] = await api.publish(a_deposit(SOMEBODY))
    for masked_documents in (documents[:1], documents):
        body = {"documents": [{"document_id": str(parameters), "change": "mask"} for parameters in masked_documents]}
        answer = await what_if(api, record, body)
        lost = {effect["lost"] for effect in answer.json()["effects"] if effect["id"] == OTHER_DOCTOR}
        assert lost == {3}
    assert (await patch(api, as_patient(record), documents[0], hide("MASQUE_PS"))).status_code == 200
    assert await statuses(api, [other], as_doctor(OTHER_DOCTOR)) == {200}


async def what_if(api: RecordsApi, record: UUID, body: dict[str, Any]) -> httpx2.Response:
    answer = await api.client.post(f"/records/{record}/what-if", json=body, headers=bearer(as_patient(record)))
    assert answer.status_code == 200, answer.text
    return answer


async def test_documents_from_before_are_filled_into_their_chains(new_database: NewDatabase) -> None:
    database = await new_database("records")
    async with run_records_api(database) as api:
        record_id = await api.open_record(SOMEBODY)
        await api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
        await api.be_fresh()
        documents = await versions_of_three(api)
        documents.append(await replaced(api, documents[-1]))
        [alone] = await api.publish(a_deposit(SOMEBODY))
        select = "select id, chain_id from documents order by id"
        kept = await api.pool.fetch(select)
        await api.pool.execute("update documents set chain_id = null")
        connection = await asyncpg.connect(database.owner_dsn)
        try:
            await fill(connection, "records/0015_pre_fill_chains.sql", FILL.read_text("utf-8"))
        finally:
            await connection.close()
        assert await api.pool.fetch(select) == kept
        assert {row["id"]: row["chain_id"] for row in kept}[alone] is None
        assert (await patch(api, as_patient(record_id), documents[1], hide("MASQUE_PS"))).status_code == 200
        for document in documents:
            assert "MASQUE_PS" in await labels_of(api, document)
