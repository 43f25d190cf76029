"""Records' database was set back: nobody else reads under old labels, and `recover` makes documents what they were."""

from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

import httpx2
import orjson
import pytest

from services.records.app import make_recovery
from services.records.deposits.steps.apply_deposit_decisions import find_awaiting_version
from shared.contracts.records import DocumentRelabelled
from shared.contracts.topics import RECORDS_DOCUMENTS
from shared.db.pool import Pool, transaction
from shared.fhir.write import IS_ARCHIVED
from shared.messaging.outbox.recovery import RecoveryResult
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.messaging.lost_commits import all_sent, compare_once, copy_database, recover_at, running_relay
from tests.infra.messaging.messages import message
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import (
    DOCTOR,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    bundle_of,
    decided,
    document_ids,
    named,
    run_records_api,
    settings_of,
)

pytestmark = pytest.mark.long

SOMEBODY, ANOTHER, REPRESENTATIVE = Person(71), Person(72), uuid4()
DOCUMENTS = """
select d.id, status, life, archived, labels, masked_by, shown_to_representatives, version, changed_at, decision_id,
       unique_id, facts
from documents d
join document_combinations had on had.document_id = d.id and had.record_id = d.record_id
join combinations on combinations.id = combination_id"""


def label(code: str) -> dict[str, Any]:
    return {"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": code}]}}


MASK, HIDE = label("MASQUE_PS"), label("INVISIBLE_PATIENT")
SHOW = {"op": "remove", "path": "/securityLabel/1"}
ARCHIVE = {"op": "add", "path": "/extension/-", "value": {"url": IS_ARCHIVED, "valueBoolean": True}}
DELETE = {"op": "replace", "path": "/status", "value": "entered-in-error"}


async def open_for(api: RecordsApi, *persons: Person) -> list[UUID]:
    """OTHER_DOCTOR is authorised, DOCTOR writes."""
    await api.be_fresh()
    record_ids = [await api.open_record(person) for person in persons]
    for record_id in record_ids:
        await api.choose(record_id, 1, authorised=[OTHER_DOCTOR])
        await api.name_people(record_id, 1, representatives=[named(REPRESENTATIVE)])
    return record_ids


async def patch(api: RecordsApi, document: UUID, token: str, *operations: dict[str, Any]) -> httpx2.Response:
    headers = {**bearer(token), "content-type": "application/json-patch+json"}
    path = f"/fhir/DocumentReference/{document}"
    return await api.client.patch(path, content=orjson.dumps(operations), headers=headers)


async def changed(api: RecordsApi, document: UUID, token: str, *operations: dict[str, Any]) -> None:
    answer = await patch(api, document, token, *operations)
    assert answer.status_code == 200, answer.text


async def read(api: RecordsApi, document: UUID, token: str) -> int:
    return (await api.get(f"/fhir/Binary/{document}", token)).status_code


async def find(api: RecordsApi, record_id: UUID, token: str) -> int:
    return (await api.search(token, patient=str(record_id), status="current")).status_code


async def recover(api: RecordsApi, database: Database, kafka: Topics) -> RecoveryResult:
    return await recover_at(api.pool, kafka, "records", make_recovery(settings_of(database)))


async def rows(pool: Pool) -> dict[UUID, dict[str, Any]]:
    return {row["id"]: dict(row) for row in await pool.fetch(DOCUMENTS)}


async def test_what_was_masked_after_the_copy_was_taken_is_read_by_nobody_else_before_and_after_the_recovery(
    database: Database, kafka: Topics
) -> None:
    await compare_once(database, kafka)
    async with run_records_api(database) as api, running_relay(database, kafka):
        record, untouched = await open_for(api, SOMEBODY, ANOTHER)
        [document] = await api.publish(a_deposit(SOMEBODY))
        [other] = await api.publish(a_deposit(ANOTHER))
        await eventually(lambda: all_sent(api.pool))
    backup = await copy_database(database, kafka)
    async with run_records_api(database) as api, running_relay(database, kafka):
        for change in (MASK, SHOW, MASK):
            await changed(api, document, as_patient(record), change)
        await eventually(lambda: all_sent(api.pool))
    reader = as_doctor(OTHER_DOCTOR)
    async with run_records_api(backup) as api, running_relay(backup, kafka, held=True) as watch:
        await api.be_fresh()
        mother = acting("representative", REPRESENTATIVE, record)
        assert [await read(api, id, reader) for id in (document, other, uuid4())] == [503] * 3
        assert [await find(api, id, reader) for id in (record, untouched, uuid4())] == [503] * 3
        assert await read(api, document, mother) == 503
        assert await read(api, document, as_patient(record)) == 200
        assert (await patch(api, document, as_patient(record), MASK)).status_code == 503
        watch.may_check.set()

        async def is_open() -> bool:
            return await read(api, other, reader) == 200

        await eventually(is_open)
        assert watch.is_recovery_needed
        assert [await read(api, document, user) for user in (reader, mother)] == [503, 503]
        assert await find(api, record, reader) == 503
        assert await read(api, document, as_patient(record)) == 200
        assert (await patch(api, document, as_patient(record), MASK)).status_code == 503
        assert (await patch(api, other, as_patient(untouched), MASK)).status_code == 200

        done = orjson.loads(orjson.dumps(asdict(await recover(api, backup, kafka))))
        assert done["facts"][RECORDS_DOCUMENTS.name] == 3
        assert [await read(api, document, user) for user in (reader, mother)] == [404, 200]
        assert await find(api, record, reader) == 200
        await changed(api, document, as_patient(record), SHOW)
        assert await read(api, document, reader) == 200
        await eventually(lambda: all_sent(api.pool))
    announced = [message.event for message in await kafka.read(RECORDS_DOCUMENTS.name)]
    versions = [
        event.version for event in announced if isinstance(event, DocumentRelabelled) and event.document_id == document
    ]
    assert versions == [2, 3, 4, 5]


async def test_everything_that_was_done_to_documents_is_done_again_from_the_topic(
    database: Database, kafka: Topics
) -> None:
    await compare_once(database, kafka)
    async with run_records_api(database) as api, running_relay(database, kafka):
        [record] = await open_for(api, SOMEBODY)
        deposits = [a_deposit(SOMEBODY) for _ in range(5)]
        hidden = a_deposit(SOMEBODY, labels=("N", "INVISIBLE_REPRESENTANTS_LEGAUX"))
        first = await api.publish(*deposits, hidden)
        replacing = a_deposit(SOMEBODY, replaces=deposits[4].unique_id)
        received = document_ids(await api.deposit(bundle_of(replacing, *(a_deposit(SOMEBODY) for _ in range(2)))))
        await eventually(lambda: all_sent(api.pool))
    backup = await copy_database(database, kafka)
    async with run_records_api(database) as api, running_relay(database, kafka):
        await do_everything(api, record, first, received)
        replacing = a_deposit(SOMEBODY, replaces=deposits[1].unique_id)
        lost = document_ids(await api.deposit(bundle_of(replacing)))
        await api.decide(*lost)
        await eventually(lambda: all_sent(api.pool))
        was = await rows(api.pool)
        assert {was[id]["life"] for id in (first[1], first[4])} == {"superseded"}
    async with run_records_api(backup) as api, running_relay(backup, kafka) as watch:

        async def has_noticed() -> bool:
            return watch.is_recovery_needed

        await eventually(has_noticed)
        again = [message(decided(record, id, uuid4())) for id in received]
        assert await waiting(api, again) == {message.id for message in again}
        await recover(api, backup, kafka)
        assert await waiting(api, again) == set()
        # What would have taken its place is lost, and can come again.
        was[first[1]] |= {"life": "current", "facts": was[first[1]]["facts"].replace("superseded", "current")}
        assert await rows(api.pool) == {id: row for id, row in was.items() if id not in lost}
        kept = await api.pool.fetch("select document_id from lost_documents")
        assert [row["document_id"] for row in kept] == lost
        await api.be_fresh()
        again_lost = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY, replaces=deposits[1].unique_id))))
        await api.decide(*again_lost)
        now = await rows(api.pool)
        assert (now[first[1]]["life"], now[again_lost[0]]["masked_by"]) == ("superseded", "patient")
        await eventually(lambda: all_sent(api.pool))


async def do_everything(api: RecordsApi, record: UUID, first: list[UUID], received: list[UUID]) -> None:
    author, patient = as_doctor(DOCTOR), as_patient(record)
    await changed(api, first[0], author, HIDE)
    await changed(api, first[0], author, SHOW, MASK)
    await changed(api, first[1], author, MASK)
    await changed(api, first[1], patient, {**MASK, "path": "/securityLabel/1", "op": "replace"})
    await changed(api, first[2], as_software(), ARCHIVE)
    await changed(api, first[3], author, DELETE)
    await changed(api, first[4], patient, MASK)
    await changed(api, first[5], author, SHOW)
    await api.decide(*received[:2])
    await api.decide(received[2], reason="blocked")
    await changed(api, received[1], patient, MASK)


async def waiting(api: RecordsApi, decisions: list[Any]) -> set[UUID]:
    async with transaction(api.pool) as connection:
        return await find_awaiting_version(connection, decisions)


@pytest.mark.parametrize(
    "restore",
    [
        "update loss_checks set incarnation = incarnation",  # a dump's row is written by another transaction
        "update loss_checks set incarnation = '1/1', transaction_id = pg_current_xact_id()",  # another server start
    ],
)
async def test_a_restored_row_vouches_for_no_look(database: Database, kafka: Topics, restore: str) -> None:
    await compare_once(database, kafka)
    async with run_records_api(database) as api:
        [_record] = await open_for(api, SOMEBODY)
        [document] = await api.publish(a_deposit(SOMEBODY))
        assert await read(api, document, as_doctor(OTHER_DOCTOR)) == 200
        await api.pool.execute(restore)
        assert await read(api, document, as_doctor(OTHER_DOCTOR)) == 503
        async with running_relay(database, kafka):

            async def is_open() -> bool:
                return await read(api, document, as_doctor(OTHER_DOCTOR)) == 200

            await eventually(is_open)
