"""The copies, the decisions and the tracking: what the consumers of records do, and what the depositor sees of it."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.records.copies.steps import apply_consent_copies, apply_record_copies
from services.records.deposits.steps.apply_deposit_decisions import (
    DocumentElsewhereError,
    apply_deposit_decisions,
    find_awaiting_version,
)
from services.records.tracking.steps.follow_deposits import follow_deposits
from shared.contracts.audit import EntryRecorded
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.identity import RecordChanged
from shared.contracts.notify import AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import CopyApplied, DocumentPublished, DocumentReceived, DocumentRefused
from shared.db.pool import transaction
from shared.messaging.envelope import Message
from shared.runtime import clock
from tests.infra.http.tokens import operator_token
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import record_changed
from tests.infra.records.records_api import (
    CLINIC,
    HOSPITAL,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_software,
    bundle_of,
    decided,
    deposit_id,
    document_ids,
)

SOMEBODY = Person(91)


@pytest.fixture
async def api(shared_records_api: RecordsApi) -> RecordsApi:
    await shared_records_api.be_empty()
    return shared_records_api


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    return await api.open_record(SOMEBODY)


async def apply_records(api: RecordsApi, *events: RecordChanged) -> None:
    async with transaction(api.pool) as connection:
        await apply_record_copies(api.vault, connection, [message(event) for event in events])


async def applied(api: RecordsApi) -> list[tuple[str, int]]:
    return [(event.topic, event.version) for event in await api.announced(CopyApplied)]


async def test_a_newer_state_of_a_record_is_applied_and_told_and_an_older_one_is_not(api: RecordsApi) -> None:
    record_id = uuid4()
    first, second = record_changed(record_id, 1), record_changed(record_id, 2)
    await apply_records(api, first)
    await apply_records(api, second.model_copy(update={"status": "closed"}))
    await apply_records(api, first)
    await apply_records(api, second)
    row = await api.pool.fetchrow("select version, status from records where id = $1", record_id)
    assert row is not None
    assert tuple(row) == (2, "closed")
    assert await applied(api) == [("identity.records.v1", 1), ("identity.records.v1", 2)]


async def test_of_one_batch_the_newest_state_counts_and_it_stands_for_all(api: RecordsApi) -> None:
    record_id, other = uuid4(), uuid4()
    others = record_changed(other).model_copy(update={"ins": "k.1"})
    await apply_records(api, record_changed(record_id, 3), record_changed(record_id, 2), others)
    assert sorted(await applied(api)) == [("identity.records.v1", 1), ("identity.records.v1", 3)]


async def test_a_record_keeps_its_data_key(api: RecordsApi, record: UUID) -> None:
    query = "select wrapped from record_keys where record_id = $1"
    before = await api.pool.fetchval(query, record)
    await api.open_record(SOMEBODY, record_id=record)
    assert await api.pool.fetchval(query, record) == before
    assert await api.pool.fetchval("select count(*) from record_keys") == 1


async def test_choices_are_copied_with_their_version_and_partition(api: RecordsApi, record: UUID) -> None:
    def chosen(version: int, *authorised: str) -> Message[ConsentStateChanged]:
        event = ConsentStateChanged(
            record_id=record, version=version, authorised=authorised, blocked=("b",), changed_at=clock.now()
        )
        return message(event, partition=3)

    for batch in ([chosen(1), chosen(2, "a", "c")], [chosen(1, "z")]):
        async with transaction(api.pool) as connection:
            await apply_consent_copies(connection, batch)
    row = await api.pool.fetchrow(
        "select version, partition, authorised, blocked from consent_states where record_id = $1", record
    )
    assert row is not None
    assert tuple(row) == (2, 3, ["a", "c"], ["b"])
    assert ("consent.states.v1", 2) in await applied(api)
    assert ("consent.states.v1", 1) not in await applied(api)


async def test_a_permitted_deposit_is_published_exactly_once(api: RecordsApi, record: UUID) -> None:
    [document] = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS")))))
    await api.decide(document)
    await api.decide(document)
    await api.decide(document, reason="consent-opposed")
    [event] = await api.announced(DocumentPublished)
    assert (event.document_id, event.labels, event.organisation_id) == (document, ("N", "MASQUE_PS"), HOSPITAL)
    received = (await api.announced(DocumentReceived))[0]
    assert event.received_at == received.received_at
    assert await api.announced(DocumentRefused) == []
    assert await api.pool.fetchval("select status from documents") == "published"


async def test_a_refused_deposit_is_refused_for_ever(api: RecordsApi, record: UUID) -> None:
    [document] = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY))))
    await api.decide(document, reason="consent-opposed")
    await api.decide(document)
    [event] = await api.announced(DocumentRefused)
    assert (event.document_id, event.reason) == (document, "consent-opposed")
    assert await api.announced(DocumentPublished) == []


async def test_two_decisions_in_one_batch_count_once(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    [document] = document_ids(answer)
    first, second = (decided(record, document, deposit_id(answer), reason=reason) for reason in ("feeding", "other"))
    async with transaction(api.pool) as connection:
        await apply_deposit_decisions(connection, [message(first), message(second)])
    assert len(await api.announced(DocumentPublished)) == 1
    assert await api.announced(DocumentRefused) == []


async def test_a_decision_about_a_document_of_another_record_is_unusable(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    [document] = document_ids(answer)
    async with transaction(api.pool) as connection:
        with pytest.raises(DocumentElsewhereError):
            await apply_deposit_decisions(connection, [message(decided(uuid4(), document, deposit_id(answer)))])


async def test_a_deposit_that_went_with_lost_commits_is_told_as_lost_and_taken_again(
    api: RecordsApi, record: UUID
) -> None:
    bundle = bundle_of(a_deposit(SOMEBODY))
    answer = await api.deposit(bundle)
    [document], lost = document_ids(answer), deposit_id(answer)
    for table in ("contents", "document_combinations", "documents", "deposits", "deposit_requests"):
        await api.pool.execute(f"delete from {table}")
    await api.pool.execute("delete from organisation_deposits")
    other = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY))))
    for _ in range(2):
        async with transaction(api.pool) as connection:
            messages = [message(decided(record, document, lost)), message(decided(record, other[0], uuid4()))]
            await apply_deposit_decisions(connection, messages)
    assert [event.document_id for event in await api.announced(DocumentPublished)] == other, (
        "its neighbour is published"
    )
    token = as_software()
    tracked = (await api.get(f"/deposits/{lost}", token)).json()
    assert [(document["document_id"], document["status"]) for document in tracked["documents"]] == [
        (str(document), "lost")
    ]
    listed = (await api.get("/deposits?since=2026-01-01T00:00:00Z", token)).json()["deposits"]
    assert [deposit["deposit_id"] for deposit in listed if deposit["documents"][0]["status"] == "lost"] == [str(lost)]
    assert (await api.get("/lost-deposits", token)).status_code == 403
    [seen] = (await api.get("/lost-deposits", operator_token())).json()
    assert (seen["deposit_id"], seen["documents"]) == (str(lost), 1)
    again = await api.deposit(bundle)
    assert again.status_code == 200
    assert document_ids(again) != [document]


async def test_a_decision_waits_for_the_copies_that_it_saw(api: RecordsApi, record: UUID) -> None:
    await api.choose(record, 2)
    cases = [
        ({}, False),
        ({"identity.records.v1": 1, "consent.states.v1": 2}, False),
        ({"identity.records.v1": 2}, True),
        ({"consent.states.v1": 3}, True),
    ]
    messages = [message(decided(record, uuid4(), uuid4(), seen=seen)) for seen, _ in cases]
    unknown = message(decided(uuid4(), uuid4(), uuid4(), seen={"identity.records.v1": 1}))
    async with api.pool.acquire() as connection:
        behind = await find_awaiting_version(connection, [*messages, unknown])
    assert behind == {document.id for document, (_, waits) in zip(messages, cases, strict=True) if waits} | {unknown.id}


async def test_the_tracking_tells_each_step_with_its_time(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    path, [document] = answer.headers["location"], document_ids(answer)

    async def progress() -> dict[str, object]:
        tracked = (await api.get(path, as_software())).json()
        assert tracked["deposit_id"] in path
        [document] = tracked["documents"]
        return {name: value for name, value in document.items() if value is not None}

    assert set(await progress()) == {"document_id", "status", "received_at"}
    await api.decide(document)
    assert set(await progress()) == {"document_id", "status", "received_at", "checked_at", "published_at", "facts"}
    await follow(api, entry(record, document, DocumentReceived.ce_type))
    assert "audited_at" not in await progress()
    await follow(api, entry(record, document, DocumentPublished.ce_type))
    assert "audited_at" in await progress()
    await follow(api, alert(AlertSent, record, document))
    assert "alert_handled_at" in await progress()


def entry(record: UUID, document: UUID, ce_type: str) -> EntryRecorded:
    return EntryRecorded(
        record_id=record, event_id=uuid4(), event_type=ce_type, document_id=document, recorded_at=clock.now()
    )


def alert(kind: type[AlertSent], record: UUID, document: UUID, about: str = "document", **more: str) -> AlertSent:
    return kind.model_validate(
        {
            "record_id": record,
            "alert_id": uuid4(),
            "kind": about,
            "document_id": document,
            "caused_by": uuid4(),
            "handled_at": clock.now(),
            **more,
        }
    )


async def follow(api: RecordsApi, *events: EntryRecorded | AlertSent) -> None:
    async with transaction(api.pool) as connection:
        await follow_deposits(connection, [message(event) for event in events])


async def test_the_depositor_never_learns_whether_the_patient_was_told(api: RecordsApi, record: UUID) -> None:
    seen = set()
    at = clock.now()
    for kind in (AlertSent, AlertFailed, AlertWithheld, AlertUnwanted):
        answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
        [document] = document_ids(answer)
        event = alert(kind, record, document, reason="some-reason")  # type: ignore[arg-type]
        await follow(api, event.model_copy(update={"handled_at": at}))
        [document] = (await api.get(answer.headers["location"], as_software())).json()["documents"]
        seen.add((document["status"], document["reason"], document["alert_handled_at"]))
    assert len(seen) == 1


async def test_the_first_time_counts_and_consultations_are_no_alerts_of_a_deposit(
    api: RecordsApi, record: UUID
) -> None:
    [document] = document_ids(await api.deposit(bundle_of(a_deposit(SOMEBODY))))
    query = "select alert_handled_at, audited_at from documents"
    await follow(api, alert(AlertSent, record, document, "consultation"))
    assert await api.pool.fetchval(query) is None
    first = alert(AlertSent, record, document)
    await follow(api, first, entry(record, document, DocumentRefused.ce_type))
    await follow(api, first.model_copy(update={"handled_at": clock.now() + timedelta(hours=1)}))
    row = await api.pool.fetchrow(query)
    assert row is not None
    assert row["alert_handled_at"] == first.handled_at
    assert row["audited_at"] is not None


async def test_what_is_not_of_a_deposit_here_is_passed_over(api: RecordsApi, record: UUID) -> None:
    await follow(api, entry(record, uuid4(), DocumentPublished.ce_type), alert(AlertSent, record, uuid4()))
    assert await api.pool.fetchval("select count(*) from documents") == 0


async def test_a_refused_deposit_tells_its_reason(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"two")))
    first, second = document_ids(answer)
    await api.decide(first)
    await api.decide(second, reason="labels-not-allowed")
    tracked = (await api.get(answer.headers["location"], as_software())).json()
    assert [(document["document_id"], document["status"], document["reason"]) for document in tracked["documents"]] == [
        (str(first), "published", None),
        (str(second), "refused", "labels-not-allowed"),
    ]
    assert tracked["documents"][1]["refused_at"]
    assert tracked["documents"][1]["published_at"] is None


async def test_an_organisation_lists_its_own_deposits_page_by_page(api: RecordsApi, record: UUID) -> None:
    before = clock.now()
    mine = [deposit_id(await api.deposit(bundle_of(a_deposit(SOMEBODY)))) for _ in range(5)]
    others = await api.deposit(bundle_of(a_deposit(SOMEBODY)), organisation=CLINIC)
    path: str | None = "/deposits?since=" + before.isoformat().replace("+00:00", "Z") + "&limit=2"
    listed: list[dict[str, object]] = []
    while path:
        page = (await api.get(path, as_software())).json()
        listed += page["deposits"]
        path = page["next"]
    assert [deposit["deposit_id"] for deposit in listed] == [str(deposit_id) for deposit_id in mine]
    last = str(listed[-1]["received_at"]).replace("+00:00", "Z")
    since_last = (await api.get(f"/deposits?since={last}", as_software())).json()
    assert str(mine[-1]) in [deposit["deposit_id"] for deposit in since_last["deposits"]]
    later = (clock.now() + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    assert (await api.get(f"/deposits?since={later}", as_software())).json()["deposits"] == []
    refused = await api.get("/deposits?since=2026-11-28T10:00:00+01:00", as_software())
    assert (refused.status_code, "send %2B" in refused.json()["detail"]) == (422, True)
    assert "plus" not in (await api.get("/deposits?since=yesterday", as_software())).json()["detail"]
    assert (await api.get(others.headers["location"], as_software())).status_code == 404


async def test_the_tracking_is_for_software_and_its_errors_are_problems(api: RecordsApi, record: UUID) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
    for path in (answer.headers["location"], "/deposits?since=2026-01-01T00:00:00Z"):
        refused = await api.get(path, as_doctor())
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/problem+json"
    for query in ("since=yesterday", "since=2026-01-01T00:00:00", "since=2026-01-01T00:00:00Z&limit=0", ""):
        assert (await api.get(f"/deposits?{query}", as_software())).status_code == 422
    for since in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert (await api.get(f"/deposits?since={since}", as_software())).status_code == 200
