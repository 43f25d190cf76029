"""Each service erases a record completely: unknown from the first commit on, gone from every table at the end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import httpx2
import pytest

from services.audit.app import make_api as make_audit
from services.audit.erasure.steps import erase_record as erase_in_audit
from services.audit.ledger.steps.write_entries import write_entries
from services.audit.ledger.store import remove_visibilities
from services.audit.settings import Settings as AuditSettings
from services.consent.app import make_api as make_consent
from services.consent.choices.steps import copy_records
from services.consent.erasure.steps import erase_record as erase_in_consent
from services.consent.erasure.store import remove_changes
from services.consent.settings import Settings as ConsentSettings
from services.notify.alerts.steps.alert_consultations import alert_consultations
from services.notify.alerts.steps.alert_documents import alert_documents
from services.notify.contacts.steps import keep_contacts
from services.notify.erasure.steps import erase_record as erase_in_notify
from services.notify.erasure.store import remove_alerts
from services.notify.preferences.domain import Preferences
from services.notify.preferences.usecases.change_preferences import change_preferences
from services.notify.preferences.usecases.show_preferences import show_preferences
from services.records.deposits.store import deposits
from services.records.erasure import store as records_store
from services.records.erasure.steps import erase_record as erase_in_records
from services.records.erasure.store import remove_rows
from shared.contracts.topics import ERASURE_ACKNOWLEDGEMENTS
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Pool, create_pool, transaction
from shared.erasure.erased_records import KEPT_UNSENT, ErasureFinisher
from shared.errors import NotFoundError
from shared.http.tokens import Caller, TokenVerifier
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.runtime.settings import KafkaSettings, PostgresSettings
from tests.conftest import NewDatabase
from tests.infra.audit.keys import KEYS, MOTIVES
from tests.infra.erasure.erasing import KEPT_HERE, acknowledged, erase, erased, finish, tables_with
from tests.infra.http.tokens import SETTINGS, TestKeys, bearer, patient_token
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import document_received, record_changed
from tests.infra.notify import notify
from tests.infra.platform.databases import Database
from tests.infra.records.records_api import (
    CLINIC,
    RING,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    bundle_of,
    codes,
    deposit_id,
    document_ids,
    ins_of,
    named,
    run_records_api,
)

SOMEBODY, ANOTHER = Person(71), Person(72)
DOCTOR, HOSPITAL = "899700000001", "1750000001"
TOLD_ON = set(KEPT_UNSENT) | {topic.name for topic in ERASURE_ACKNOWLEDGEMENTS.values()}
"""Topics with messages about an erased record that may still wait to be sent."""


async def all_gone(database: Database, pool: Pool, record_id: UUID, *inner: UUID) -> None:
    """Asserts that no table contains the id of the record or of its contents."""
    assert await tables_with(database, [record_id, *inner], besides=KEPT_HERE | {"outbox"}) == set()
    rows = await pool.fetch("select topic, payload from outbox where key = $1", str(record_id).encode())
    assert {row["topic"] for row in rows if row["payload"] is not None} <= TOLD_ON


@pytest.fixture
async def records(new_database: NewDatabase) -> AsyncIterator[tuple[Database, RecordsApi]]:
    database = await new_database("records")
    async with run_records_api(database) as records_api:
        await records_api.be_fresh()
        yield database, records_api


async def filled(records_api: RecordsApi, person: Person) -> tuple[UUID, list[UUID], list[UUID]]:
    """Returns a record with three deposits of four documents (published, refused, undecided), and their ids."""
    record_id = await records_api.open_record(person)
    await records_api.choose(record_id, 1, authorised=[DOCTOR])
    await records_api.name_people(record_id, 1, carers=[named(uuid4())])
    published = await records_api.publish(a_deposit(person), a_deposit(person))
    refused = document_ids(await records_api.deposit(bundle_of(a_deposit(person)), organisation=CLINIC))
    await records_api.decide(*refused, reason="feeding-objected")
    received = await records_api.deposit(bundle_of(a_deposit(person)))
    await records_api.get(f"/records/{record_id}/rubrics", patient_token(record_id, uuid4()))
    rows = await records_api.pool.fetch("select id from deposits where record_id = $1", record_id)
    return record_id, [*published, *refused, *document_ids(received)], [row["id"] for row in rows]


async def test_records_forgets_a_record_whole_and_the_neighbour_stays(records: tuple[Database, RecordsApi]) -> None:
    database, records_api = records
    record_id, documents, places = await filled(records_api, SOMEBODY)
    other, other_documents, _ = await filled(records_api, ANOTHER)
    await erase(records_api.pool, erase_in_records, record_id)
    batches = await finish(records_api.pool, ErasureFinisher("records", remove_rows), record_id)
    assert batches == 1
    await all_gone(database, records_api.pool, record_id, *documents, *places)
    fingerprint = RING.fingerprint(*ins_parts(ins_of(SOMEBODY)))
    assert await records_api.pool.fetchval("select count(*) from record_fingerprints where ins = $1", fingerprint) == 0
    [acknowledgement] = await acknowledged(records_api.pool, record_id)
    assert (acknowledgement.service, acknowledgement.destroyed) == (
        "records",
        {
            "records": 1,
            "fingerprints": 1,
            "keys": 1,
            "consent_states": 1,
            "record_people": 1,
            "reader_visits": 1,
            "documents": 4,
            "contents": 4,
            "deposits": 3,
            "deposit_requests": 3,
            "organisation_deposits": 3,
        },
    )
    for document in other_documents[:2]:
        assert (await records_api.get(f"/fhir/DocumentReference/{document}", as_patient(other))).status_code == 200
    counts = "select (select count(*) from contents), (select count(*) from deposits), (select count(*) from documents)"
    assert tuple(await records_api.pool.fetchrow(counts) or ()) == (4, 3, 4)


async def test_between_the_commit_and_the_last_byte_records_answers_as_if_there_were_nothing(
    records: tuple[Database, RecordsApi],
) -> None:
    _, records_api = records
    record_id, documents, places = await filled(records_api, SOMEBODY)
    await erase(records_api.pool, erase_in_records, record_id)
    assert await records_api.pool.fetchval("select count(*) from contents") == 4
    for token in (as_patient(record_id), as_doctor(DOCTOR), as_software()):
        for path in (f"/fhir/DocumentReference/{documents[0]}", f"/fhir/Binary/{documents[0]}"):
            unknown = path.replace(str(documents[0]), str(clock.new_id(bucket_of(record_id))))
            answer, never = await records_api.get(path, token), await records_api.get(unknown, token)
            assert (answer.status_code, codes(answer)) == (never.status_code, codes(never))
            assert answer.status_code in (403, 404)
    answer = await records_api.deposit(bundle_of(a_deposit(SOMEBODY)))
    assert (answer.status_code, codes(answer)) == (422, ["record-unknown"])
    for place in places:
        assert (await records_api.get(f"/deposits/{place}", as_software())).status_code == 404
    listed = await records_api.client.get(
        "/deposits", params={"since": "2020-01-01T00:00:00Z"}, headers=bearer(as_software())
    )
    assert (listed.status_code, listed.json()["deposits"]) == (200, [])


async def test_a_page_of_deposits_goes_on_behind_those_of_a_record_that_vanishes(
    records: tuple[Database, RecordsApi],
) -> None:
    _, records_api = records
    await records_api.open_record(SOMEBODY)
    gone = await records_api.open_record(ANOTHER)
    kept = []
    for person in (ANOTHER, SOMEBODY, ANOTHER, SOMEBODY, SOMEBODY):
        answer = await records_api.deposit(bundle_of(a_deposit(person)))
        kept += [str(deposit_id(answer))] if person is SOMEBODY else []
    await erase(records_api.pool, erase_in_records, gone)
    deposit_ids: list[str] = []
    params: dict[str, str] | None = {"since": "2020-01-01T00:00:00Z", "limit": "2"}
    path: str | None = "/deposits"
    while path is not None:
        answer = await records_api.client.get(path, params=params, headers=bearer(as_software()))
        page = answer.json()
        deposit_ids += [deposit["deposit_id"] for deposit in page["deposits"]]
        path, params = page.get("next"), None
    assert deposit_ids == kept


async def test_a_deposit_under_way_when_the_record_vanishes_leaves_nothing(
    records: tuple[Database, RecordsApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, records_api = records
    record_id = await records_api.open_record(SOMEBODY)
    insert = deposits.insert_deposit

    async def too_late(*arguments: object) -> object:
        await erase(records_api.pool, erase_in_records, record_id)
        return await insert(*arguments)  # type: ignore[arg-type] # passed on as they came

    monkeypatch.setattr(deposits, "insert_deposit", too_late)
    answer = await records_api.deposit(bundle_of(a_deposit(SOMEBODY)))
    assert (answer.status_code, codes(answer)) == (422, ["record-unknown"])
    await finish(records_api.pool, ErasureFinisher("records", remove_rows), record_id)
    await all_gone(database, records_api.pool, record_id)


async def test_the_persons_other_record_is_no_longer_linked(records: tuple[Database, RecordsApi]) -> None:
    database, records_api = records
    gone, other = await records_api.open_record(SOMEBODY), await records_api.open_record(ANOTHER)
    for id, linked in ((gone, other), (other, gone)):
        await records_api.pool.execute("update records set linked_to = $1 where id = $2", linked, id)
    await erase(records_api.pool, erase_in_records, gone)
    assert await records_api.pool.fetchval("select linked_to from records where id = $1", other) is None
    await all_gone(database, records_api.pool, gone)


async def test_many_documents_go_in_batches_and_each_is_counted_once(
    records: tuple[Database, RecordsApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, records_api = records
    record_id, documents, places = await filled(records_api, SOMEBODY)
    monkeypatch.setattr(records_store, "DEPOSITS_AT_ONCE", 1)
    await erase(records_api.pool, erase_in_records, record_id)
    assert await finish(records_api.pool, ErasureFinisher("records", remove_rows), record_id) == 3
    [acknowledgement] = await acknowledged(records_api.pool, record_id)
    assert (acknowledgement.destroyed["documents"], acknowledgement.destroyed["deposits"]) == (4, 3)
    await all_gone(database, records_api.pool, record_id, *documents, *places)


@pytest.fixture
async def consent(new_database: NewDatabase) -> AsyncIterator[tuple[Database, httpx2.AsyncClient, Pool]]:
    database = await new_database("consent")
    app = make_consent(ConsentSettings(**settings_on(database)))  # type: ignore[arg-type] # validated by it
    async with app.router.lifespan_context(app):
        app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://consent") as client:
            yield database, client, app.state.pool


def settings_on(database: Database) -> dict[str, object]:
    return {
        "postgres": PostgresSettings.model_validate({"dsn": database.dsn}),
        "kafka": KafkaSettings(bootstrap="127.0.0.1:1"),
        "tokens": SETTINGS,
    }


async def test_consent_forgets_the_choices_and_their_history(
    consent: tuple[Database, httpx2.AsyncClient, Pool],
) -> None:
    database, client, pool = consent
    record_id, other = uuid4(), uuid4()
    async with transaction(pool) as connection:
        await copy_records(connection, [message(record_changed(id)) for id in (record_id, other)])
    for id in (record_id, other):
        path = f"/records/{id}/authorisations/{DOCTOR}"
        assert (await client.put(path, headers=bearer(patient_token(id)))).status_code == 202
    searched = await client.get("/directory", params={"name": "marbeuf"}, headers=bearer(patient_token(record_id)))
    assert searched.status_code == 200
    async with pool.acquire() as connection:
        assert await remove_changes(connection, record_id) == {"state_changes": 0}, "not erased yet"
    await erase(pool, erase_in_consent, record_id)

    for method, path in (("GET", "choices"), ("PUT", f"blocks/{DOCTOR}"), ("DELETE", f"authorisations/{DOCTOR}")):
        headers = bearer(patient_token(record_id))
        answer = await client.request(method, f"/records/{record_id}/{path}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), path

    [row] = await pool.fetch("select key, payload, event_type from outbox where payload is null")
    assert (row["key"], row["event_type"]) == (str(record_id).encode(), "consent.state-changed.v1")
    await finish(pool, ErasureFinisher("consent", remove_changes), record_id)
    await all_gone(database, pool, record_id)
    [acknowledgement] = await acknowledged(pool, record_id)
    destroyed = {"consent_states": 1, "record_copies": 1, "state_changes": 2, "directory_searches": 1}
    assert acknowledgement.destroyed == destroyed
    assert (await client.get(f"/records/{other}/choices", headers=bearer(patient_token(other)))).status_code == 200


@pytest.fixture
async def audit(new_database: NewDatabase) -> AsyncIterator[tuple[Database, httpx2.AsyncClient, Pool]]:
    database = await new_database("audit")
    app = make_audit(AuditSettings(**settings_on(database), keys=KEYS))  # type: ignore[arg-type] # validated by it
    async with app.router.lifespan_context(app):
        app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://audit") as client:
            yield database, client, app.state.pool


async def test_the_ledger_keeps_its_entries_about_nobody_and_takes_late_ones(
    audit: tuple[Database, httpx2.AsyncClient, Pool],
) -> None:
    database, client, pool = audit
    record_id, other = uuid4(), uuid4()
    events = [document_received(id) for id in (record_id, record_id, other)]

    async def tell(*events: object) -> None:
        async with transaction(pool) as connection:
            await write_entries(MOTIVES, connection, [message(event) for event in events])  # type: ignore[arg-type] # any event

    await tell(*events)
    await erase(pool, erase_in_audit, record_id)
    answer = await client.get(f"/records/{record_id}/accesses", headers=bearer(patient_token(record_id)))
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    await finish(pool, ErasureFinisher("audit", remove_visibilities), record_id)
    await tell(document_received(record_id))
    entries = await pool.fetchval("select count(*) from ledger_entries where record_id = $1", record_id)
    assert entries == 3
    assert await tables_with(database, [record_id], besides=KEPT_HERE | {"outbox"}) == set()
    [acknowledgement] = await acknowledged(pool, record_id)
    assert acknowledgement.destroyed == {"document_visibilities": 2}
    assert await pool.fetchval("select count(*) from document_visibilities") == 1


async def test_notify_forgets_whom_to_tell_and_what_was_told(new_database: NewDatabase) -> None:
    database = await new_database("notify")
    pool = await create_pool(PostgresSettings.model_validate({"dsn": database.dsn}), application="tests")
    record_id, other = uuid4(), uuid4()
    published = [notify.published(id, *labels) for id in (record_id, other) for labels in ((), ("INVISIBLE_PATIENT",))]
    me = Caller("patient", str(record_id), "app", frozenset(), record_id)
    async with transaction(pool) as connection:
        await keep_contacts(connection, [message(notify.contact(id)) for id in (record_id, other)])
        messages = [message(event) for event in published]
        window = timedelta(minutes=15)
        await alert_documents(connection, messages, keyring=notify.KEYRING, window=window)
        read = [message(notify.consulted(event.record_id, document_id=event.document_id)) for event in published]
        await alert_consultations(connection, read, keyring=notify.KEYRING, window=window)
        for status in ("queued", "sent"):
            await connection.execute(INSERT_MESSAGE, bucket_of(record_id), uuid4(), record_id, status, clock.now())
    await change_preferences(pool, me, record_id, Preferences(consultation=False))
    before = {table: await pool.fetchval(f"select count(*) from {table}") for table in NOTIFY_TABLES}
    assert all(before.values()), before
    await erase(pool, erase_in_notify, record_id)
    assert await pool.fetchval(WAITING, record_id) == 0
    with pytest.raises(NotFoundError):
        await show_preferences(pool, me, record_id)
    with pytest.raises(NotFoundError):
        await change_preferences(pool, me, record_id, Preferences())
    await finish(pool, ErasureFinisher("notify", remove_alerts), record_id)
    inner = [event.document_id for event in published if event.record_id == record_id]
    await all_gone(database, pool, record_id, *inner)
    [acknowledgement] = await acknowledged(pool, record_id)
    counts = ("contacts", "preferences", "restricted_documents", "messages")
    assert [acknowledgement.destroyed[name] for name in counts] == [1, 1, 1, 2]
    assert acknowledgement.destroyed["alerts"] + await pool.fetchval("select count(*) from alerts") == before["alerts"]
    assert await pool.fetchval("select count(*) from restricted_documents") == 1
    pool.terminate()


INSERT_MESSAGE = """
insert into messages (bucket, request_id, record_id, channel, kind, sealed, requested_at, traceparent, status,
                      created_at, due_at, handled_at)
select $1, $2, $3, 'mail', 'some-notice', case given.status when 'queued' then 'sealed' end, given.at, '',
       given.status, given.at, case given.status when 'queued' then given.at end,
       case given.status when 'sent' then given.at end
from (select $4::text, $5::timestamptz) as given(status, at)"""
NOTIFY_TABLES = (
    "contacts",
    "preferences",
    "alerts",
    "alert_windows",
    "restricted_documents",
    "consultation_windows",
    "messages",
)
WAITING = """
select (select count(*) from alerts where record_id = $1 and status = 'queued')
     + (select count(*) from messages where record_id = $1 and status = 'queued')"""
Handler = Callable[..., Awaitable[None]]


@pytest.mark.parametrize(
    ("service", "handler", "remove"),
    [
        ("records", erase_in_records, remove_rows),
        ("consent", erase_in_consent, remove_changes),
        ("audit", erase_in_audit, remove_visibilities),
        ("notify", erase_in_notify, remove_alerts),
    ],
)
async def test_who_holds_nothing_says_so_once_for_each_decision(
    new_database: NewDatabase,
    new_pool: Callable[[str], Awaitable[Pool]],
    service: str,
    handler: Handler,
    remove: Handler,
) -> None:
    pool, record_id = await new_pool(service), uuid4()
    finisher = ErasureFinisher(service, remove)  # type: ignore[arg-type] # each of the four
    first, other = erased(record_id), erased(record_id)
    for decisions in ((first, first), (first,), (first, other), (other,)):
        async with transaction(pool) as connection:
            await handler(connection, [message(decision) for decision in decisions])
        await finish(pool, finisher, record_id)
    acknowledgements = await acknowledged(pool, record_id)
    assert [each.erasure_id for each in acknowledgements] == [first.erasure_id, other.erasure_id]
    for acknowledgement in acknowledgements:
        assert (acknowledgement.service, acknowledgement.destroyed) == (service, {})
        assert clock.now() - acknowledgement.acknowledged_at < timedelta(minutes=1)
    kept = partial(pool.fetchval, "select count(*) from erased_records where acknowledged_at is not null")
    assert await kept() == 1
