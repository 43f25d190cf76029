"""Which labels of a document count: the newest as records numbers them, whatever clocks, batches and repetitions do."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.audit.ledger.usecases.write_entries import write_entries
from services.notify.consumers import on_documents
from services.notify.contacts.usecases.keep_contacts import keep_contacts
from shared.contracts.base import Actor
from shared.contracts.label_versions import LabelVersion
from shared.contracts.records import DocumentPublished, DocumentRelabelled
from shared.db.pool import Pool, transaction
from shared.messaging.envelope import Message
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from tests.conftest import NewPool
from tests.infra.audit.keys import MOTIVES
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import document_received
from tests.infra.notify.notify import KEYRING, contact, published

HIDDEN, SHOWN = ("N", "INVISIBLE_PATIENT"), ("N",)
Tell = Callable[[Sequence[Message[Any]]], Awaitable[None]]


class Document:
    """One document's life, told with clocks that say anything."""

    def __init__(self) -> None:
        self.record_id = uuid4()
        self.document_id = clock.new_id(bucket_of(self.record_id))

    def published(self, *labels: str) -> Message[Any]:
        return self._at_some_time(published(self.record_id, *labels, document_id=self.document_id))

    def relabelled(self, version: int | None, labels: Sequence[str]) -> Message[Any]:
        made = published(self.record_id, document_id=self.document_id).model_dump(
            include={"record_id", "document_id", "deposit_id", "organisation_id"}
        )
        actor = Actor(kind="professional", id="899700000001")
        more = {"actor": actor, "change": "hide-from-patient", "labels": labels, "changed_at": clock.now()}
        return self._at_some_time(DocumentRelabelled.model_validate({**made, **more, "version": version}))

    def _at_some_time(self, event: DocumentPublished | DocumentRelabelled) -> Message[Any]:
        return message(event, time=clock.now() + timedelta(seconds=random.uniform(-60, 60)))


def audit(pool: Pool) -> Tell:
    async def tell(messages: Sequence[Message[Any]]) -> None:
        async with transaction(pool) as connection:
            await write_entries(MOTIVES, connection, list(messages))

    return tell


def notify(pool: Pool) -> Tell:
    async def tell(messages: Sequence[Message[Any]]) -> None:
        async with transaction(pool) as connection:
            contacts = [message(contact(event_message.event.record_id)) for event_message in messages]
            await keep_contacts(connection, contacts)
            await on_documents(connection, list(messages), keyring=KEYRING, window=timedelta())

    return tell


AUDIT = ("audit", audit, "select visible_to_patient from document_visibilities where document_id = $1")
NOTIFY = ("notify", notify, "select audience = 'everybody' from restricted_documents where document_id = $1")
Service = tuple[str, Callable[[Pool], Tell], str]


@pytest.fixture(params=[AUDIT, NOTIFY], ids=lambda service: service[0])
async def service(request: pytest.FixtureRequest, new_pool: NewPool) -> tuple[Tell, Callable[[UUID], Awaitable[bool]]]:
    name, teller, select = request.param
    pool = await new_pool(name)

    async def is_shown(document_id: UUID) -> bool:
        labels = await pool.fetchval(select, document_id)
        return labels is not False  # notify keeps no row of what nobody ever restricted

    return teller(pool), is_shown


async def test_the_newest_version_counts_in_whatever_order_and_batches_labels_are_told(
    service: tuple[Tell, Callable[[UUID], Awaitable[bool]]],
) -> None:
    tell, is_shown = service
    chance = random.Random(14)
    for _ in range(25):
        document = Document()
        story = [document.published(*chance.choice([HIDDEN, SHOWN]))]
        story += [document.relabelled(version, chance.choice([HIDDEN, SHOWN])) for version in range(2, 6)]
        await tell(story[:1])
        untold = [*story[1:], *chance.sample(story, 3)]  # in any order, some of it again
        chance.shuffle(untold)
        while untold:
            size = chance.randint(1, len(untold))
            await tell(untold[:size])
            untold = untold[size:]
        last = story[-1].event.labels
        assert await is_shown(document.document_id) is (last == SHOWN)


async def test_labels_of_a_release_without_versions_are_ordered_by_their_place_on_the_topic(
    service: tuple[Tell, Callable[[UUID], Awaitable[bool]]],
) -> None:
    tell, is_shown = service
    for then in (HIDDEN, SHOWN):
        document = Document()
        first = document.published(*(SHOWN if then == HIDDEN else HIDDEN))
        between = document.relabelled(None, first.event.labels)
        last = document.relabelled(None, then)
        again = replace(first, offset=last.offset + 1, id=uuid4())
        for batch in ([first, between, last, again], [first], [between], [first, between], [again], [last]):
            await tell(batch)
            assert await is_shown(document.document_id) is (then == SHOWN)
        newer = document.relabelled(2, first.event.labels)
        for batch in ([newer], [last], [first, last]):
            await tell(batch)
            assert await is_shown(document.document_id) is (then == HIDDEN)


async def test_a_cluster_built_anew_with_offsets_from_zero_changes_no_order(
    service: tuple[Tell, Callable[[UUID], Awaitable[bool]]],
) -> None:
    tell, is_shown = service
    document = Document()
    await tell([document.published(*SHOWN), document.relabelled(2, SHOWN)])
    await tell([replace(document.relabelled(3, HIDDEN), offset=0)])
    assert not await is_shown(document.document_id)
    await tell([replace(document.relabelled(2, SHOWN), offset=1)])
    assert not await is_shown(document.document_id)


async def test_a_version_that_records_gives_again_after_a_restore_counts_by_its_later_place(
    service: tuple[Tell, Callable[[UUID], Awaitable[bool]]],
) -> None:
    tell, is_shown = service
    document = Document()
    await tell([document.published(*SHOWN), document.relabelled(2, SHOWN)])
    await tell([document.relabelled(2, HIDDEN)])
    assert not await is_shown(document.document_id)


@pytest.mark.parametrize("service_and_table", [(AUDIT, "document_visibilities"), (NOTIFY, "restricted_documents")])
async def test_a_row_of_the_release_before_gives_way_to_any_numbered_labels_and_to_no_older_time(
    new_pool: NewPool, service_and_table: tuple[Service, str]
) -> None:
    (name, teller, select), table = service_and_table
    pool = await new_pool(name)
    tell, document = teller(pool), Document()
    await tell([document.published(*HIDDEN)])
    await pool.execute(f'update {table} set version = 0, "offset" = -1')
    old = document.relabelled(None, SHOWN)
    await tell([replace(old, time=clock.now() - timedelta(days=1))])
    assert await pool.fetchval(select, document.document_id) is False
    await tell([replace(document.relabelled(2, SHOWN), time=clock.now() - timedelta(days=1))])
    assert await pool.fetchval(select, document.document_id) is True


def test_a_publication_replaces_what_was_deposited_and_nothing_else() -> None:
    document = Document()
    published_as = LabelVersion.of(document.published(*SHOWN))
    received = LabelVersion.of(message(document_received(document.record_id)))
    assert published_as.replaces(received)
    assert not received.replaces(published_as)
    for other in (published_as, LabelVersion.of(document.relabelled(2, SHOWN))):
        assert not LabelVersion.of(document.published(*HIDDEN)).replaces(other)
