"""The copies, the decisions and the tracking: what the consumers of records do, and what the depositor sees of it."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.records.usecases.apply_consent_copies import apply_consent_copies
from services.records.usecases.apply_record_copies import apply_record_copies
from services.records.usecases.follow_deposits import follow_deposits
from services.records.usecases.settle_deposits import DocumentElsewhereError, find_awaiting_version, settle_deposits
from shared.contracts.audit import EntryRecorded
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.identity import RecordChanged
from shared.contracts.notify import AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import CopyApplied, DocumentPublished, DocumentReceived, DocumentRefused
from shared.db.pool import transaction
from shared.messaging.envelope import Message
from shared.runtime import clock
from tests.infra.load import Person
from tests.infra.messages import message
from tests.infra.plumbing import record_changed
from tests.infra.records import (
    CLINIC,
    HOSPITAL,
    House,
    a_deposit,
    as_doctor,
    as_software,
    bundle_of,
    decided,
    deposit_id,
    document_ids,
)
from tests.infra.tokens import operator_token

SOMEBODY = Person(91)


@pytest.fixture
async def home(house_of_all: House) -> House:
    await house_of_all.be_empty()
    return house_of_all


@pytest.fixture
async def record(home: House) -> UUID:
    return await home.open_record(SOMEBODY)


async def apply_records(home: House, *events: RecordChanged) -> None:
    async with transaction(home.pool) as connection:
        await apply_record_copies(home.vault, connection, [message(event) for event in events])


async def applied(home: House) -> list[tuple[str, int]]:
    return [(one.topic, one.version) for one in await home.announced(CopyApplied)]


async def test_a_newer_state_of_a_record_is_applied_and_told_and_an_older_one_is_not(home: House) -> None:
    record_id = uuid4()
    first, second = record_changed(record_id, 1), record_changed(record_id, 2)
    await apply_records(home, first)
    await apply_records(home, second.model_copy(update={"status": "closed"}))
    await apply_records(home, first)
    await apply_records(home, second)
    row = await home.pool.fetchrow("select version, status from records where id = $1", record_id)
    assert row is not None
    assert tuple(row) == (2, "closed")
    assert await applied(home) == [("identity.records.v1", 1), ("identity.records.v1", 2)]


async def test_of_one_batch_the_newest_state_counts_and_it_stands_for_all(home: House) -> None:
    record_id, other = uuid4(), uuid4()
    others = record_changed(other).model_copy(update={"ins": "k.1"})
    await apply_records(home, record_changed(record_id, 3), record_changed(record_id, 2), others)
    assert sorted(await applied(home)) == [("identity.records.v1", 1), ("identity.records.v1", 3)]


async def test_a_record_keeps_its_data_key(home: House, record: UUID) -> None:
    query = "select wrapped from record_keys where record_id = $1"
    before = await home.pool.fetchval(query, record)
    await home.open_record(SOMEBODY, record_id=record)
    assert await home.pool.fetchval(query, record) == before
    assert await home.pool.fetchval("select count(*) from record_keys") == 1


async def test_choices_are_copied_with_their_version_and_partition(home: House, record: UUID) -> None:
    def chosen(version: int, *authorised: str) -> Message[ConsentStateChanged]:
        event = ConsentStateChanged(
            record_id=record, version=version, authorised=authorised, blocked=("b",), changed_at=clock.now()
        )
        return message(event, partition=3)

    for batch in ([chosen(1), chosen(2, "a", "c")], [chosen(1, "z")]):
        async with transaction(home.pool) as connection:
            await apply_consent_copies(connection, batch)
    row = await home.pool.fetchrow(
        "select version, partition, authorised, blocked from consent_states where record_id = $1", record
    )
    assert row is not None
    assert tuple(row) == (2, 3, ["a", "c"], ["b"])
    assert ("consent.states.v1", 2) in await applied(home)
    assert ("consent.states.v1", 1) not in await applied(home)


async def test_a_permitted_deposit_is_published_exactly_once(home: House, record: UUID) -> None:
    [document] = document_ids(await home.deposit(bundle_of(a_deposit(SOMEBODY, labels=("N", "MASQUE_PS")))))
    await home.decide(document)
    await home.decide(document)
    await home.decide(document, reason="consent-opposed")
    [event] = await home.announced(DocumentPublished)
    assert (event.document_id, event.labels, event.organisation_id) == (document, ("N", "MASQUE_PS"), HOSPITAL)
    received = (await home.announced(DocumentReceived))[0]
    assert event.received_at == received.received_at
    assert await home.announced(DocumentRefused) == []
    assert await home.pool.fetchval("select status from documents") == "published"


async def test_a_refused_deposit_is_refused_for_ever(home: House, record: UUID) -> None:
    [document] = document_ids(await home.deposit(bundle_of(a_deposit(SOMEBODY))))
    await home.decide(document, reason="consent-opposed")
    await home.decide(document)
    [event] = await home.announced(DocumentRefused)
    assert (event.document_id, event.reason) == (document, "consent-opposed")
    assert await home.announced(DocumentPublished) == []


async def test_two_decisions_in_one_batch_count_once(home: House, record: UUID) -> None:
    answer = await home.deposit(bundle_of(a_deposit(SOMEBODY)))
    [document] = document_ids(answer)
    first, second = (decided(record, document, deposit_id(answer), reason=reason) for reason in ("feeding", "other"))
    async with transaction(home.pool) as connection:
        await settle_deposits(connection, [message(first), message(second)])
    assert len(await home.announced(DocumentPublished)) == 1
    assert await home.announced(DocumentRefused) == []


async def test_a_decision_about_a_document_of_another_record_is_unusable(home: House, record: UUID) -> None:
    answer = await home.deposit(bundle_of(a_deposit(SOMEBODY)))
    [document] = document_ids(answer)
    async with transaction(home.pool) as connection:
        with pytest.raises(DocumentElsewhereError):
            await settle_deposits(connection, [message(decided(uuid4(), document, deposit_id(answer)))])


async def test_a_deposit_that_went_with_lost_commits_is_told_as_lost_and_taken_again(home: House, record: UUID) -> None:
    bundle = bundle_of(a_deposit(SOMEBODY))
    answer = await home.deposit(bundle)
    [document], lost = document_ids(answer), deposit_id(answer)
    for table in ("contents", "document_combinations", "documents", "deposits", "deposit_requests"):
        await home.pool.execute(f"delete from {table}")
    await home.pool.execute("delete from organisation_deposits")
    other = document_ids(await home.deposit(bundle_of(a_deposit(SOMEBODY))))
    for _ in range(2):
        async with transaction(home.pool) as connection:
            told = [message(decided(record, document, lost)), message(decided(record, other[0], uuid4()))]
            await settle_deposits(connection, told)
    assert [one.document_id for one in await home.announced(DocumentPublished)] == other, "its neighbour is published"
    token = as_software()
    tracked = (await home.get(f"/deposits/{lost}", token)).json()
    assert [(one["document_id"], one["status"]) for one in tracked["documents"]] == [(str(document), "lost")]
    listed = (await home.get("/deposits?since=2026-01-01T00:00:00Z", token)).json()["deposits"]
    assert [one["deposit_id"] for one in listed if one["documents"][0]["status"] == "lost"] == [str(lost)]
    assert (await home.get("/lost-deposits", token)).status_code == 403
    [seen] = (await home.get("/lost-deposits", operator_token())).json()
    assert (seen["deposit_id"], seen["documents"]) == (str(lost), 1)
    again = await home.deposit(bundle)
    assert again.status_code == 201
    assert document_ids(again) != [document]


async def test_a_decision_waits_for_the_copies_that_it_saw(home: House, record: UUID) -> None:
    await home.choose(record, 2)
    cases = [
        ({}, False),
        ({"identity.records.v1": 1, "consent.states.v1": 2}, False),
        ({"identity.records.v1": 2}, True),
        ({"consent.states.v1": 3}, True),
    ]
    messages = [message(decided(record, uuid4(), uuid4(), seen=seen)) for seen, _ in cases]
    unknown = message(decided(uuid4(), uuid4(), uuid4(), seen={"identity.records.v1": 1}))
    async with home.pool.acquire() as connection:
        behind = await find_awaiting_version(connection, [*messages, unknown])
    assert behind == {one.id for one, (_, waits) in zip(messages, cases, strict=True) if waits} | {unknown.id}


async def test_the_tracking_tells_each_step_with_its_time(home: House, record: UUID) -> None:
    answer = await home.deposit(bundle_of(a_deposit(SOMEBODY)))
    path, [document] = answer.headers["location"], document_ids(answer)

    async def progress() -> dict[str, object]:
        tracked = (await home.get(path, as_software())).json()
        assert tracked["deposit_id"] in path
        [one] = tracked["documents"]
        return {name: value for name, value in one.items() if value is not None}

    assert set(await progress()) == {"document_id", "status", "received_at"}
    await home.decide(document)
    assert set(await progress()) == {"document_id", "status", "received_at", "checked_at", "published_at"}
    await follow(home, entry(record, document, DocumentReceived.ce_type))
    assert "audited_at" not in await progress()
    await follow(home, entry(record, document, DocumentPublished.ce_type))
    assert "audited_at" in await progress()
    await follow(home, alert(AlertSent, record, document))
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


async def follow(home: House, *events: EntryRecorded | AlertSent) -> None:
    async with transaction(home.pool) as connection:
        await follow_deposits(connection, [message(event) for event in events])


async def test_the_depositor_never_learns_whether_the_patient_was_told(home: House, record: UUID) -> None:
    seen = set()
    at = clock.now()
    for kind in (AlertSent, AlertFailed, AlertWithheld, AlertUnwanted):
        answer = await home.deposit(bundle_of(a_deposit(SOMEBODY)))
        [document] = document_ids(answer)
        event = alert(kind, record, document, reason="some-reason")  # type: ignore[arg-type]
        await follow(home, event.model_copy(update={"handled_at": at}))
        [one] = (await home.get(answer.headers["location"], as_software())).json()["documents"]
        seen.add((one["status"], one["reason"], one["alert_handled_at"]))
    assert len(seen) == 1


async def test_the_first_time_counts_and_consultations_are_no_alerts_of_a_deposit(home: House, record: UUID) -> None:
    [document] = document_ids(await home.deposit(bundle_of(a_deposit(SOMEBODY))))
    query = "select alert_handled_at, audited_at from documents"
    await follow(home, alert(AlertSent, record, document, "consultation"))
    assert await home.pool.fetchval(query) is None
    first = alert(AlertSent, record, document)
    await follow(home, first, entry(record, document, DocumentRefused.ce_type))
    await follow(home, first.model_copy(update={"handled_at": clock.now() + timedelta(hours=1)}))
    row = await home.pool.fetchrow(query)
    assert row is not None
    assert row["alert_handled_at"] == first.handled_at
    assert row["audited_at"] is not None


async def test_what_is_not_of_a_deposit_here_is_passed_over(home: House, record: UUID) -> None:
    await follow(home, entry(record, uuid4(), DocumentPublished.ce_type), alert(AlertSent, record, uuid4()))


async def test_a_refused_deposit_tells_its_reason(home: House, record: UUID) -> None:
    answer = await home.deposit(bundle_of(a_deposit(SOMEBODY), a_deposit(SOMEBODY, content=b"two")))
    first, second = document_ids(answer)
    await home.decide(first)
    await home.decide(second, reason="labels-not-allowed")
    tracked = (await home.get(answer.headers["location"], as_software())).json()
    assert [(one["document_id"], one["status"], one["reason"]) for one in tracked["documents"]] == [
        (str(first), "published", None),
        (str(second), "refused", "labels-not-allowed"),
    ]
    assert tracked["documents"][1]["refused_at"]
    assert tracked["documents"][1]["published_at"] is None


async def test_an_organisation_lists_its_own_deposits_page_by_page(home: House, record: UUID) -> None:
    before = clock.now()
    mine = [deposit_id(await home.deposit(bundle_of(a_deposit(SOMEBODY)))) for _ in range(5)]
    others = await home.deposit(bundle_of(a_deposit(SOMEBODY)), organisation=CLINIC)
    path: str | None = "/deposits?since=" + before.isoformat().replace("+00:00", "Z") + "&limit=2"
    listed: list[dict[str, object]] = []
    while path:
        page = (await home.get(path, as_software())).json()
        listed += page["deposits"]
        path = page["next"]
    assert [one["deposit_id"] for one in listed] == [str(one) for one in mine]
    last = str(listed[-1]["received_at"]).replace("+00:00", "Z")
    since_last = (await home.get(f"/deposits?since={last}", as_software())).json()
    assert str(mine[-1]) in [one["deposit_id"] for one in since_last["deposits"]]
    later = (clock.now() + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    assert (await home.get(f"/deposits?since={later}", as_software())).json()["deposits"] == []
    assert (await home.get(others.headers["location"], as_software())).status_code == 404


async def test_the_tracking_is_for_software_and_its_errors_are_problems(home: House, record: UUID) -> None:
    answer = await home.deposit(bundle_of(a_deposit(SOMEBODY)))
    for path in (answer.headers["location"], "/deposits?since=2026-01-01T00:00:00Z"):
        refused = await home.get(path, as_doctor())
        assert refused.status_code == 403
        assert refused.headers["content-type"] == "application/problem+json"
    for query in ("since=yesterday", "since=2026-01-01T00:00:00", "since=2026-01-01T00:00:00Z&limit=0", ""):
        assert (await home.get(f"/deposits?{query}", as_software())).status_code == 422
    for since in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert (await home.get(f"/deposits?since={since}", as_software())).status_code == 200
