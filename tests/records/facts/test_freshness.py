"""Records answers others only while it has read the erasures, and believes no watermark of the future."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.records.consumers import subscriptions
from services.records.copies.domain.copies import COPIED_TOPICS
from services.records.erasure.steps import erase_record
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor, Event, HeartbeatSent
from shared.contracts.topics import CONSENT_MATRICES, CONSENT_STATES, IDENTITY_ERASURES, RECORDS_ERASURES
from shared.db.pool import transaction
from shared.messaging.consumer import Consumer
from shared.messaging.copies import raise_watermarks
from shared.messaging.envelope import KeptRecord
from shared.messaging.redrive import Redriver
from shared.runtime import clock
from tests.infra.erasure.erasing import erase, erased
from tests.infra.http.tokens import bearer, make_token
from tests.infra.load.documents import Person
from tests.infra.records.mixes import in_mode
from tests.infra.records.records_api import (
    CALL_RING,
    DOCTOR,
    FILLING,
    OTHER_DOCTOR,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    ins_of,
    named,
)

ERASURES = IDENTITY_ERASURES.name
SOMEBODY, NOBODY = Person(91), Person(92)
MOTHER = uuid4()
OLD, FUTURE = -timedelta(minutes=5), timedelta(minutes=5)


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    application = {"application_id": "app-1", "sections": ["CPT_REND"]}
    await api.choose(record_id, 1, authorised=[OTHER_DOCTOR], applications=[application])
    await api.name_people(record_id, 1, representatives=[named(MOTHER)])
    return record_id


def others(record_id: UUID) -> dict[str, str]:
    """Those who may read, and are neither the patient nor the document's author."""
    return {
        "professional": as_doctor(OTHER_DOCTOR),
        "representative": make_token("representative", str(MOTHER), record_id=record_id),
        "application": make_token("application", "app-1"),
    }


async def statuses(api: RecordsApi, record_id: UUID, document_id: UUID) -> dict[str, int]:
    """What each of the others is answered about a document."""
    path = f"/fhir/Binary/{document_id}"
    return {kind: (await api.get(path, token)).status_code for kind, token in others(record_id).items()}


async def check_existence(api: RecordsApi, person: Person) -> int:
    """The answer to whether the person has a record."""
    ins = ins_of(person)
    form = {"identifier": f"{ins.system}|{ins.matricule}"}
    return (await api.client.post("/fhir/Patient/_search", data=form, headers=bearer(as_software()))).status_code


async def test_a_database_that_has_not_read_the_erasures_serves_the_patient_alone(
    api: RecordsApi, record: UUID
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    assert set((await statuses(api, record, document)).values()) == {200}
    # As after a restore: the states have caught up, the erasures not yet.
    await api.pool.execute("update copy_watermarks set at = $1 where topic = $2", clock.now() + OLD, ERASURES)
    for id in (document, uuid4()):
        assert set((await statuses(api, record, id)).values()) == {503}
    for patient in (record, uuid4()):
        response = await api.search(as_doctor(OTHER_DOCTOR), patient=str(patient), status="current")
        assert response.status_code == 503
    assert [await check_existence(api, person) for person in (SOMEBODY, NOBODY)] == [503, 503]
    path = f"/fhir/Binary/{document}"
    assert (await api.get(path, as_patient(record))).status_code == 200
    assert (await api.get(path, as_software())).status_code == 200, "the depositor"
    assert (await api.get(path, in_mode("bris_de_glace", record))).status_code == 200, "by the last known row"
    refused = {access.actor.kind for access in await api.announced(AccessRecorded) if access.reason == "copies-too-old"}
    assert refused == {"professional", "representative", "application", "software"}
    await erase(api.pool, erase_record, record)
    await api.be_fresh()
    tokens = [*others(record).values(), as_patient(record), as_software(), in_mode("bris_de_glace", record)]
    assert {(await api.get(path, token)).status_code for token in tokens} == {404}


async def test_an_author_reads_the_own_document_on_old_copies_by_the_last_known_choices(
    api: RecordsApi, record: UUID
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.be_fresh(clock.now() + OLD)
    path = f"/fhir/Binary/{document}"
    assert set((await statuses(api, record, document)).values()) == {503}
    assert (await api.get(path, as_doctor(DOCTOR))).status_code == 200
    assert (await api.get(f"/fhir/Binary/{uuid4()}", as_doctor(DOCTOR))).status_code == 503
    await api.choose(record, 2, blocked=[DOCTOR])
    assert (await api.get(path, as_doctor(DOCTOR))).status_code == 404


@pytest.mark.parametrize("happened", ["unknown", "old", "future"])
@pytest.mark.parametrize("topic", [*COPIED_TOPICS, CONSENT_MATRICES.name])
async def test_each_watermark_that_counts_must_be_known_young_and_not_in_the_future(
    api: RecordsApi, record: UUID, topic: str, happened: str
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    if happened == "unknown":
        await api.pool.execute("delete from copy_watermarks where topic = $1", topic)
    else:
        at = clock.now() + (OLD if happened == "old" else FUTURE)
        await api.pool.execute("update copy_watermarks set at = $1 where topic = $2", at, topic)
    spared = {"identity.people.v1": {"professional", "application"}, CONSENT_MATRICES.name: {*others(record)}}
    spared[CONSENT_MATRICES.name].remove("professional")
    expected = {kind: 200 if kind in spared.get(topic, ()) else 503 for kind in others(record)}
    assert await statuses(api, record, document) == expected
    missing = await statuses(api, record, uuid4())
    assert missing == {kind: 404 if kind in spared.get(topic, ()) else 503 for kind in others(record)}
    assert (await api.get(f"/fhir/Binary/{document}", as_patient(record))).status_code == 200


async def test_one_partition_of_the_matrices_in_the_future_is_hidden_by_no_other(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    await api.pool.execute(
        "update copy_watermarks set at = $1 where topic = $2 and partition = 3",
        clock.now() + FUTURE,
        CONSENT_MATRICES.name,
    )
    assert (await statuses(api, record, document))["professional"] == 503
    assert (await statuses(api, record, uuid4()))["professional"] == 503


class Feed:
    """Records of one topic for one of the groups of records, without a broker."""

    def __init__(self, api: RecordsApi, group: str, topic: str) -> None:
        [subscription] = [
            subscription
            for subscription in subscriptions(api.vault, FILLING, CALL_RING)
            if subscription.group.name == group
        ]
        self.consumer, self.topic, self.offset = Consumer(api.pool, subscription), topic, 0

    async def consume(self, *events: Event | tuple[Event, bytes]) -> None:
        """In one batch; with other bytes where a pair is given."""
        await self.consumer.consume([self._record(event) for event in events])

    def _record(self, item: Event | tuple[Event, bytes]) -> KeptRecord:
        event, body = item if isinstance(item, tuple) else (item, item.model_dump_json().encode())
        self.offset += 1
        headers = {"ce_id": str(uuid4()), "ce_type": event.ce_type, "ce_time": clock.now().isoformat()}
        pairs = [(name, text.encode()) for name, text in headers.items()]
        return KeptRecord(self.topic, 0, self.offset, event.key.encode(), body, pairs)


async def watermark(api: RecordsApi, topic: str) -> object:
    return await api.pool.fetchval("select at from copy_watermarks where topic = $1 and partition = 0", topic)


async def test_a_heartbeat_replaces_a_watermark_of_the_future_and_no_other_later_one(api: RecordsApi) -> None:
    feed, now = Feed(api, "records.consent-copies", CONSENT_STATES.name), clock.now()
    for kept, announced_at, left in (
        (now + timedelta(days=365), now, now),
        (now, now - timedelta(seconds=5), now),
        (now - timedelta(seconds=5), now, now),
        (now, now + timedelta(days=365), now),
    ):
        await api.pool.execute("update copy_watermarks set at = $1", kept)
        await feed.consume(HeartbeatSent(partition=0, at=announced_at))
        assert await watermark(api, CONSENT_STATES.name) == left
    earlier = now - timedelta(hours=1)
    await api.pool.execute("update copy_watermarks set at = $1", earlier)
    beats = [HeartbeatSent(partition=0, at=now - timedelta(seconds=n)) for n in (7, 3, 5)]
    await feed.consume(*beats)
    assert await watermark(api, CONSENT_STATES.name) == now - timedelta(seconds=3), "as one after the other"


async def test_a_record_whose_erasure_cannot_be_read_is_served_to_the_patient_alone(
    api: RecordsApi, record: UUID
) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    feed = Feed(api, RECORDS_ERASURES.name, ERASURES)
    await feed.consume((erased(record), b"{}"), HeartbeatSent(partition=0, at=clock.now()))
    assert set((await statuses(api, record, document)).values()) == {503}
    assert (await api.get(f"/fhir/Binary/{document}", as_patient(record))).status_code == 200
    dead_letter_id = await api.pool.fetchval("select id from parked_messages where reason = 'dead'")
    await Redriver(api.pool, {feed.consumer.name: feed.consumer}).discard(
        dead_letter_id, Actor(kind="operator", id="ops-1"), "unreadable"
    )
    assert set((await statuses(api, record, document)).values()) == {200}, "an operator's word: it was none"


async def test_an_erasure_that_is_announced_again_leaves_nothing_broken(api: RecordsApi, record: UUID) -> None:
    feed = Feed(api, RECORDS_ERASURES.name, ERASURES)
    await feed.consume((erased(record), b"{}"))
    assert await api.pool.fetchval("select count(*) from broken_copies") == 1
    await erase(api.pool, erase_record, record)
    assert await api.pool.fetchval("select count(*) from broken_copies") == 0


async def test_linked_records_are_served_while_both_have_read_the_erasures(api: RecordsApi, record: UUID) -> None:
    [document] = await api.publish(a_deposit(SOMEBODY))
    other = await api.open_record(NOBODY, linked_to=record)
    await api.open_record(SOMEBODY, record_id=record, linked_to=other)
    await api.choose(other, 1)
    assert (await statuses(api, record, document))["professional"] == 200
    await api.pool.execute("update records set partition = 1 where id = $1", other)
    for at, status in ((clock.now() + OLD, 503), (clock.now() + FUTURE, 503), (clock.now(), 200)):
        async with transaction(api.pool) as connection:
            await connection.execute("delete from copy_watermarks where topic = $1 and partition = 1", ERASURES)
            await raise_watermarks(connection, {(ERASURES, 1): at})
        assert (await statuses(api, record, document))["professional"] == status
