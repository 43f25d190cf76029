"""The worker of records on the real broker: copies, decisions that wait, publication, tracking."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal
from uuid import UUID, uuid4

from services.records.consumers import subscriptions
from services.records.copies.store.professions import load_professions
from services.records.reimbursements.domain.feed import seal_report
from shared.contracts.audit import EntryRecorded
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.identity import ProfessionalChanged, RecordChanged, StructureChanged, TraitFingerprints
from shared.contracts.notify import AlertUnwanted
from shared.contracts.records import CopyApplied, DocumentPublished, DocumentReceived
from shared.contracts.topics import RECORDS_REIMBURSEMENT_FEED
from shared.crypto.fingerprints import ins_parts, trait_fingerprints
from shared.runtime import clock
from shared.service.worker import Plan, WorkerRuntime, at_work
from tests.conftest import NewDatabase
from tests.infra.http.tokens import TestKeys
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import (
    CALL_RING,
    DOCTOR,
    FILLING,
    HOSPITAL,
    OTHER_DOCTOR,
    RING,
    a_deposit,
    as_software,
    bundle_of,
    decided,
    deposit_id,
    document_ids,
    ins_of,
    run_records_api,
    settings_of,
    traits_of,
)
from tests.infra.records.reimbursements import recent_line, stored

SOMEBODY = Person(41)


@asynccontextmanager
async def working(database: Database, kafka: Topics) -> AsyncIterator[WorkerRuntime]:
    plan = Plan("records", subscriptions(FILLING.vault, FILLING, CALL_RING), keys=TestKeys())
    async with at_work(plan, settings_of(database, kafka=kafka.settings("records"))) as runtime:
        yield runtime


def opened(record_id: UUID) -> RecordChanged:
    return RecordChanged(
        record_id=record_id,
        version=1,
        status="open",
        ins=RING.fingerprint(*ins_parts(ins_of(SOMEBODY))),
        traits=TraitFingerprints(**trait_fingerprints(RING, record_id, traits_of(SOMEBODY).normalised())),
        opened_at=clock.now(),
    )


async def test_a_document_travels_from_its_deposit_to_its_tracking(new_database: NewDatabase, kafka: Topics) -> None:
    database, record = await new_database("records"), uuid4()
    async with run_records_api(database) as api, working(database, kafka) as runtime:
        await kafka.put(opened(record))
        copies = await kafka.wait_for("records.copies.v1", lambda records: len(records) == 1)
        assert copies[0].event == CopyApplied(record_id=record, topic="identity.records.v1", version=1)

        answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)))
        [document] = document_ids(answer)
        [received] = await kafka.wait_for("records.documents.v1", lambda records: len(records) == 1)
        assert isinstance(received.event, DocumentReceived)

        seen = {"identity.records.v1": 1, "consent.states.v1": 1}
        decision = await kafka.put(decided(record, document, deposit_id(answer), seen=seen))
        await eventually(lambda: comes_again(runtime, "records.deposit-decisions"))
        assert await api.pool.fetchval("select status from documents") == "received"
        await kafka.put(ConsentStateChanged(record_id=record, version=1, changed_at=clock.now()))
        events = await kafka.wait_for("records.documents.v1", lambda records: len(records) == 2)
        published = events[1].event
        assert isinstance(published, DocumentPublished)
        assert (published.decision_id, published.seen) == (decision.id, seen)
        assert events[1].trace[3:35] == decision.trace[3:35]

        at = clock.now()
        await kafka.put(
            EntryRecorded(
                record_id=record,
                event_id=events[1].id,
                event_type=DocumentPublished.ce_type,
                document_id=document,
                recorded_at=at,
            )
        )
        await kafka.put(
            AlertUnwanted(
                record_id=record,
                alert_id=uuid4(),
                kind="document",
                document_id=document,
                caused_by=events[1].id,
                handled_at=at,
                reason="switched-off",
            )
        )

        async def done() -> bool:
            [document] = (await api.get(answer.headers["location"], as_software())).json()["documents"]
            return bool(document["audited_at"] and document["alert_handled_at"])

        await eventually(done)


async def test_the_feed_fills_a_history_and_a_line_that_cannot_be_read_holds_up_no_other(
    new_database: NewDatabase, kafka: Topics
) -> None:
    database, record = await new_database("records"), uuid4()
    async with run_records_api(database) as api, working(database, kafka):
        await kafka.put(opened(record))
        await kafka.wait_for("records.copies.v1", lambda records: len(records) == 1)
        lines = [recent_line(SOMEBODY, 1, kind="?"), recent_line(Person(42), 2), recent_line(SOMEBODY, 3)]
        for line in lines:
            await kafka.put(seal_report(FILLING.feed, uuid4(), line))
        await eventually(lambda: api.pool.fetchval("select true from reimbursements"))
        letters = await kafka.read_raw(RECORDS_REIMBURSEMENT_FEED.dead_letters)
        assert [dict(letter.headers)["dlt_error_code"] for letter in letters] == [b"line-invalid"]
        assert [record_id for record_id, *_ in await stored(api)] == [record]


async def test_the_directory_is_copied_for_what_if_and_a_state_that_is_older_changes_nothing(
    new_database: NewDatabase, kafka: Topics
) -> None:
    database = await new_database("records")
    async with run_records_api(database) as api, working(database, kafka):

        async def professions() -> Mapping[str, str | None]:
            async with api.pool.acquire() as connection:
                return await load_professions(connection, [DOCTOR, OTHER_DOCTOR, "899900000042"])

        def professional_changed(
            id: str, version: int, profession: str, status: Literal["active", "inactive"]
        ) -> ProfessionalChanged:
            values = {"professional_id": id, "version": version, "name": "X", "profession": profession}
            return ProfessionalChanged.model_validate({**values, "status": status})

        await kafka.put(StructureChanged(structure_id=HOSPITAL, version=1, name="Hôpital"))
        await kafka.put(professional_changed(DOCTOR, 2, "G15_60", "active"))
        await kafka.put(professional_changed(DOCTOR, 1, "G15_10", "active"))
        await kafka.put(professional_changed(OTHER_DOCTOR, 1, "G15_10", "active"))
        await kafka.put(professional_changed(OTHER_DOCTOR, 2, "G15_10", "inactive"))
        assert await eventually(lambda: _are(professions, {DOCTOR: "G15_60", OTHER_DOCTOR: None}))


async def _are(professions: Callable[[], Awaitable[Any]], expected: Any) -> bool:
    return bool(await professions() == expected)


async def comes_again(runtime: WorkerRuntime, group: str) -> bool:
    """Whether the group's batch has been put back to be tried later."""
    return any(loop.failures for loop in runtime.consumer_loops if loop.consumer.name == group)
