"""Consent, told of records and deposits: the first state, the decision, and waiting for what is not here yet."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.consent.choices.steps import acknowledge_copies, copy_people, copy_records
from services.consent.choices.store import states as store
from services.consent.copies.domain import RecordCopy
from services.consent.copies.store import upsert_record_copies
from services.consent.deposit_checks.domain import DepositChecksRules
from services.consent.deposit_checks.steps import awaiting_version, decide_deposits
from shared.access import RULES_VERSION
from shared.contracts.base import Actor, Event
from shared.contracts.consent import ConsentStateChanged, DepositDecided
from shared.contracts.identity import PeopleChanged, PersonNamed, RecordChanged
from shared.contracts.records import CopyApplied, DocumentReceived
from shared.db.pool import Pool, transaction
from shared.runtime import clock
from shared.runtime.tracing import trace_id
from tests.conftest import NewPool
from tests.infra.consent.changes import choose
from tests.infra.messaging.messages import message, outbox, traces
from tests.infra.messaging.plumbing import document_received, record_changed
from tests.infra.platform.waiting import eventually

STATES, RECORDS = "consent.states.v1", "identity.records.v1"
HOSPITAL, OTHER_HOSPITAL = "1750000001", "1750000002"


@pytest.fixture
async def pool(new_pool: NewPool) -> Pool:
    return await new_pool("consent")


async def tell(pool: Pool, *events: Event, **options: Any) -> list[Event]:
    """Gives a batch to its handler; returns what it announced."""
    handlers: dict[type[Event], Any] = {
        RecordChanged: copy_records,
        DocumentReceived: decide_deposits,
        CopyApplied: acknowledge_copies,
    }
    async with transaction(pool) as connection:
        before = len(await outbox(connection))
        handler = handlers[type(events[0])]  # a batch is of one type
        await handler(connection, [message(event, **options) for event in events])
        return (await outbox(connection))[before:]


async def behind(pool: Pool, *events: DocumentReceived) -> list[bool]:
    messages = [message(event) for event in events]
    async with transaction(pool) as connection:
        waiting = await awaiting_version(connection, messages)
    return [message.id in waiting for message in messages]


async def opened(pool: Pool, **changes: Any) -> UUID:
    record_id = uuid4()
    await tell(pool, record_changed(record_id).model_copy(update=changes))
    return record_id


async def object_to(pool: Pool, record_id: UUID, structure: str) -> None:
    await choose(pool, record_id, "object-to-feeding", structure)


def deposit(record_id: UUID, *labels: str, organisation: str = HOSPITAL, **seen: int) -> DocumentReceived:
    event = document_received(record_id, seen={RECORDS: seen.get("seen", 1)})
    return event.model_copy(update={"labels": labels or ("N",), "organisation_id": organisation})


async def test_a_new_record_gets_a_first_state_where_nobody_is_authorised_and_emergencies_are(pool: Pool) -> None:
    record_id = uuid4()
    [state] = await tell(pool, record_changed(record_id))
    assert isinstance(state, ConsentStateChanged)
    assert (state.record_id, state.version, state.seen) == (record_id, 1, {RECORDS: 1})
    assert state.authorised == state.blocked == state.feeding_objections == ()
    assert state.emergency.break_glass
    assert state.emergency.regulation_centre
    assert not state.emergency.masked_documents


async def test_a_batch_of_many_records_announces_each_once_with_the_trace_of_its_cause(pool: Pool) -> None:
    records = [uuid4() for _ in range(50)]
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    events = await tell(pool, *[record_changed(record_id) for record_id in (*records, *records)], trace=trace)
    assert sorted(str(event.key) for event in events) == sorted(str(record_id) for record_id in records)
    assert set(await traces(pool)) == {trace_id(trace)}


async def test_the_same_and_later_versions_of_a_record_change_the_copy_only(pool: Pool) -> None:
    record_id = await opened(pool)
    assert await tell(pool, record_changed(record_id), record_changed(record_id, 3), partition=2) == []
    assert await tell(pool, record_changed(record_id, 2)) == []
    row = await pool.fetchrow("select version, status, partition from record_copies where record_id = $1", record_id)
    assert tuple(row or ()) == (3, "open", 2)


async def test_a_record_that_is_first_heard_of_when_closed_has_no_state_and_its_deposits_are_refused(
    pool: Pool,
) -> None:
    record_id = await opened(pool, status="closed")
    assert await outbox(pool) == []
    assert await behind(pool, deposit(record_id)) == [False]
    [decided] = await tell(pool, deposit(record_id))
    assert isinstance(decided, DepositDecided)
    assert (decided.outcome, decided.reason, decided.seen) == ("refused", "record-closed", {RECORDS: 1})


async def test_a_deposit_that_nobody_objects_to_is_permitted_with_what_was_seen(pool: Pool) -> None:
    record_id = await opened(pool)
    event = deposit(record_id, "N", "MASQUE_PS")
    [decided] = await tell(pool, event)
    assert isinstance(decided, DepositDecided)
    assert (decided.record_id, decided.document_id, decided.deposit_id) == (
        record_id,
        event.document_id,
        event.deposit_id,
    )
    assert (decided.outcome, decided.reason, decided.rules_version) == ("permitted", "feeding", RULES_VERSION)
    assert decided.seen == {RECORDS: 1, STATES: 1}
    assert decided.facts == {
        "action": "deposit",
        "actor_kind": "software",
        "record_status": "open",
        "choices_known": True,
        "blocked": "none",
        "organisation_id": HOSPITAL,
        "organisation_objected": False,
        "labels_asked": ("MASQUE_PS", "N"),
        "document_type": event.type,
        "class_code": event.class_code,
        "section": event.section,
        "copies_fresh": True,
    }


async def test_a_batch_is_answered_in_order_and_each_by_its_own_record_and_organisation(pool: Pool) -> None:
    objecting, plain = await opened(pool), await opened(pool)
    await object_to(pool, objecting, HOSPITAL)
    deposits = [
        deposit(objecting),
        deposit(plain),
        deposit(objecting, organisation=OTHER_HOSPITAL),
        deposit(plain, "V"),
        deposit(plain, "N", "MASQUE_PS", "INVISIBLE_PATIENT"),
    ]
    answers = [event for event in await tell(pool, *deposits) if isinstance(event, DepositDecided)]
    assert [answer.document_id for answer in answers] == [event.document_id for event in deposits]
    assert [answer.reason for answer in answers] == [
        "consent-opposed",
        "feeding",
        "feeding",
        "labels-not-allowed",
        "masked-and-invisible",
    ]
    assert answers[0].seen == {RECORDS: 1, STATES: 2}


async def test_a_deposit_waits_for_the_version_of_the_record_that_its_sender_saw(pool: Pool) -> None:
    opened_id, unknown_id = await opened(pool), uuid4()
    deposits = (deposit(opened_id), deposit(opened_id, seen=2), deposit(unknown_id))
    assert await behind(pool, *deposits) == [False, True, True]
    await tell(pool, record_changed(opened_id, 2), record_changed(unknown_id))
    assert await behind(pool, *deposits) == [False, False, False]


async def test_a_deposit_waits_for_the_first_state_of_an_open_record(pool: Pool) -> None:
    record_id = await opened(pool, status="closed")
    async with transaction(pool) as connection:
        await upsert_record_copies(connection, [RecordCopy(record_id, 2, "open", 0)])
    assert await behind(pool, deposit(record_id)) == [True]


async def test_an_objection_waits_for_decisions_that_are_being_made_and_later_ones_obey_it(pool: Pool) -> None:
    record_id = await opened(pool)
    async with transaction(pool) as deciding:
        await decide_deposits(deciding, [message(deposit(record_id))])
        async with pool.acquire() as other:
            await other.execute("set lock_timeout = '200ms'")
            with pytest.raises(asyncpg.LockNotAvailableError):
                await store.lock_state(other, record_id)
            await other.execute("reset lock_timeout")
    await object_to(pool, record_id, HOSPITAL)
    [decided] = await tell(pool, deposit(record_id))
    assert isinstance(decided, DepositDecided)
    assert decided.reason == "consent-opposed"


async def test_only_the_word_about_states_of_consent_makes_a_state_in_force_and_never_backwards(pool: Pool) -> None:
    first, second = await opened(pool), await opened(pool)
    await tell(
        pool,
        CopyApplied(record_id=first, topic=STATES, version=3),
        CopyApplied(record_id=first, topic=STATES, version=2),
        CopyApplied(record_id=second, topic=RECORDS, version=9),
        CopyApplied(record_id=uuid4(), topic=STATES, version=1),
    )
    await tell(pool, CopyApplied(record_id=first, topic=STATES, version=1))
    states = [await store.find_state(pool, record_id) for record_id in (first, second)]
    assert [state.version_in_force for state in states if state] == [3, 0]


def by_person(event: DocumentReceived, kind: Any, person_id: Any, **changed: Any) -> DocumentReceived:
    actor = Actor(kind=kind, id=str(person_id), client_id="portal")
    fields = {"actor": actor, "organisation_id": str(person_id), "class_code": "90", "type": "EXPPAT_1"}
    return event.model_copy(update={**fields, **changed})


async def test_what_the_persons_side_deposits_is_checked_by_who_acts_for_whom(pool: Pool) -> None:
    record_id, carer, stranger = await opened(pool), uuid4(), uuid4()
    carer_named = PersonNamed.model_validate(
        {"person_id": carer, "kind": "carer", "from": clock.now() - timedelta(days=1)}
    )
    async with transaction(pool) as connection:
        await copy_people(connection, [message(PeopleChanged(record_id=record_id, version=3, carers=(carer_named,)))])
    cases = {
        "own-document": by_person(deposit(record_id), "patient", record_id),
        "type-not-yours": by_person(deposit(record_id), "carer", carer, class_code="10", type="34112-3"),
        "not-own-record": by_person(deposit(record_id), "carer", stranger),
        "label-not-yours": by_person(deposit(record_id, "N", "INVISIBLE_PATIENT"), "carer", carer),
    }
    decisions = await tell(pool, *cases.values(), by_person(deposit(record_id), "carer", carer))
    assert [decision.reason for decision in decisions if isinstance(decision, DepositDecided)] == [
        *cases,
        "own-document",
    ]


async def test_a_carers_deposit_waits_for_the_people_that_records_had_seen(pool: Pool) -> None:
    record_id, carer = await opened(pool), uuid4()
    event = by_person(deposit(record_id), "carer", carer, seen={RECORDS: 1, "identity.people.v1": 2})
    assert await behind(pool, event) == [True]
    async with transaction(pool) as connection:
        await copy_people(connection, [message(PeopleChanged(record_id=record_id, version=2))])
    assert await behind(pool, event) == [False]


async def test_in_a_minors_secret_connection_only_what_representatives_do_not_see_comes_in(pool: Pool) -> None:
    record_id = await opened(pool)
    doctor = Actor(kind="professional", id="899900000018", profession="10", organisation_id=HOSPITAL)
    secret = {"actor": doctor, "mode": "secret"}
    open_, hidden = deposit(record_id), deposit(record_id, "N", "INVISIBLE_REPRESENTANTS_LEGAUX")
    events = [deposited.model_copy(update=secret) for deposited in (open_, hidden)]
    assert [event.reason for event in await tell(pool, *events)] == ["minor-only"] * 2  # type: ignore[attr-defined]
    async with transaction(pool) as connection:
        minor = PeopleChanged(record_id=record_id, version=2, is_minor=True)
        await copy_people(connection, [message(minor)])
    decisions = await tell(pool, *[deposited.model_copy(update=secret) for deposited in (open_, hidden)])
    assert [decision.reason for decision in decisions] == ["secret-not-kept", "feeding"]  # type: ignore[attr-defined]


OWN_DOCUMENT: dict[str, Any] = {"document_status": "published", "labels": ("N",), "deposited_by": "organisation"}
DOCTOR = Actor(kind="professional", id="899900000018", profession="10", organisation_id=HOSPITAL)
WRITERS = [
    ("899900000018", {"actor": DOCTOR}, {"author": True}, "author"),
    (HOSPITAL, {"actor": DOCTOR}, {"author": True}, "author"),
    (HOSPITAL, {}, {"own_deposit": True}, "own-deposit"),
]


@pytest.mark.parametrize(("blocked", "who", "author", "rule"), WRITERS)
async def test_who_is_blocked_corrects_a_document_by_one_of_its_type_and_brings_in_nothing_else(
    pool: Pool, blocked: str, who: dict[str, Any], author: dict[str, Any], rule: str
) -> None:
    record_id = await opened(pool)
    await choose(pool, record_id, "block-professional", blocked)
    new = deposit(record_id).model_copy(update=who)
    same, other = ({**OWN_DOCUMENT, **author, "document_type": kind} for kind in (new.type, "18842-5"))
    events = [new, *(new.model_copy(update={"replaced": replaced}) for replaced in (same, other))]
    decisions = await tell(pool, *events)
    assert [decision.reason for decision in decisions] == ["blocked", rule, "blocked"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("who", "author"), [writer[1:3] for writer in WRITERS[1:]])
async def test_an_organisation_objected_to_replaces_nothing(
    pool: Pool, who: dict[str, Any], author: dict[str, Any]
) -> None:
    record_id = await opened(pool)
    new = deposit(record_id).model_copy(update=who)
    correction = new.model_copy(update={"replaced": {**OWN_DOCUMENT, **author, "document_type": new.type}})
    [before] = await tell(pool, correction)
    assert before.outcome == "permitted"  # type: ignore[attr-defined]
    await object_to(pool, record_id, HOSPITAL)
    [after] = await tell(pool, correction)
    assert after.reason == "consent-opposed"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("allowed", "reason"), [(False, "masked-and-invisible"), (True, "feeding")])
async def test_whether_a_document_comes_in_masked_and_invisible_is_a_national_parameter(
    pool: Pool, allowed: bool, reason: str
) -> None:
    record_id = await opened(pool)
    event = deposit(record_id, "N", "MASQUE_PS", "INVISIBLE_PATIENT")
    async with transaction(pool) as connection:
        await decide_deposits(connection, [message(event)], rules=DepositChecksRules(masked_and_invisible=allowed))
    [decided] = [event for event in await outbox(pool) if isinstance(event, DepositDecided)]
    assert decided.reason == reason


async def test_a_choice_that_is_made_while_deposits_are_decided_is_heeded_for_each_of_them(pool: Pool) -> None:
    """Also for those whose states lie in other partitions than the last one that was looked at."""
    records = [await opened(pool) for _ in range(16)]
    objections = "update consent_states set version = version + 1, feeding_objections = $1"
    async with transaction(pool) as choosing:
        await choosing.execute(objections, [HOSPITAL])
        deciding = asyncio.create_task(tell(pool, *(deposit(record) for record in records)))
        await eventually(lambda: somebody_waits(pool))
    decisions = [event for event in await deciding if isinstance(event, DepositDecided)]
    assert {(event.outcome, event.reason) for event in decisions} == {("refused", "consent-opposed")}
    assert len(decisions) == len(records)


async def test_what_is_in_force_is_noted_for_each_record_though_its_state_changes_meanwhile(pool: Pool) -> None:
    records = [await opened(pool) for _ in range(16)]
    async with transaction(pool) as choosing:
        await choosing.execute("update consent_states set version = version + 1")
        applied = [CopyApplied(record_id=record, topic=STATES, version=1) for record in records]
        noting = asyncio.create_task(tell(pool, *applied))
        await eventually(lambda: somebody_waits(pool))
    await noting
    assert await pool.fetchval("select count(*) from consent_states where version_in_force = 1") == len(records)


async def somebody_waits(pool: Pool) -> bool:
    query = """
    select exists (select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database())"""
    return bool(await pool.fetchval(query))
