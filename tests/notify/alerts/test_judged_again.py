"""What has changed between the birth of an alert and its mail counts when the mail leaves."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.contracts.base import Actor, Event
from shared.contracts.notify import AlertEvent, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import DocumentPublished, DocumentRelabelled, DocumentReplaced, DocumentWithdrawn
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from tests.infra.messaging.plumbing import value
from tests.infra.notify.notify import consulted, contact, mail_server, published, worker
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics
from tests.infra.platform.waiting import eventually

SOMEBODY = Actor(kind="professional", id="899700000001")
FROM_PATIENT, FROM_PARENTS = "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"
WAITS = "select count(*) = 1 from alerts where status = 'queued'"


@pytest.fixture(autouse=True)
def found_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.notify.delivery.delivery_loop.MAX_PAUSE_S", 0.2)


def common(of: DocumentPublished) -> dict[str, object]:
    return of.model_dump(include={"record_id", "document_id", "deposit_id", "organisation_id"})


def relabelled(of: DocumentPublished, *labels: str, version: int = 2) -> DocumentRelabelled:
    made = {**common(of), "actor": SOMEBODY, "change": "hide-from-patient", "labels": ("N", *labels)}
    return DocumentRelabelled.model_validate({**made, "version": version, "changed_at": clock.now()})


def withdrawn(of: DocumentPublished) -> DocumentWithdrawn:
    return DocumentWithdrawn.model_validate({**common(of), "actor": SOMEBODY, "withdrawn_at": clock.now()})


def replaced(of: DocumentPublished) -> DocumentReplaced:
    made = {**common(of), "actor": SOMEBODY, "replaced_by": uuid4(), "replaced_at": clock.now()}
    return DocumentReplaced.model_validate(made)


async def end_of(
    database: Database,
    kafka: Topics,
    cause: Callable[[UUID], Event],
    change: Callable[[], Awaitable[object]],
    relation: str = "holder",
) -> tuple[AlertEvent, int]:
    """What became of an alert whose cause lay before `change`, which lay before the mail; and how many mails left."""
    record_id = uuid4()
    async with mail_server() as server:
        server.stop()
        async with worker(database, kafka, server.port):
            await kafka.put(contact(record_id, relation=relation))
            await kafka.put(cause(record_id))
            await eventually(lambda: value(database, WAITS))
            await change()
            await server.start()
            [end] = await kafka.wait_for("notify.alerts.v1", lambda events: len(events) >= 1)
    assert isinstance(end.event, AlertEvent)
    return end.event, len(server.mails)


@pytest.mark.parametrize(
    ("then", "applied", "relation", "reason"),
    [
        (lambda of: relabelled(of, FROM_PATIENT), "restricted_documents", "holder", "invisible-to-patient"),
        (
            lambda of: relabelled(of, FROM_PARENTS),
            "restricted_documents",
            "representative",
            "invisible-to-representatives",
        ),
        (withdrawn, "alerts where document_end is not null", "holder", "document-withdrawn"),
        (replaced, "alerts where document_end is not null", "holder", "document-replaced"),
    ],
    ids=["hidden from the patient", "hidden from representatives", "withdrawn", "replaced"],
)
async def test_a_document_that_may_not_be_known_any_more_is_not_told_of(
    database: Database,
    kafka: Topics,
    then: Callable[[DocumentPublished], Event],
    applied: str,
    relation: str,
    reason: str,
) -> None:
    causes: list[DocumentPublished] = []

    def cause(record_id: UUID) -> Event:
        causes.append(published(record_id))
        return causes[0]

    async def change() -> None:
        await kafka.put(then(causes[0]))
        await eventually(lambda: value(database, f"select count(*) = 1 from {applied}"))

    end, mails = await end_of(database, kafka, cause, change, relation)
    assert isinstance(end, AlertWithheld)
    assert (end.reason, mails) == (reason, 0)


async def test_the_consultation_of_a_document_that_was_hidden_since_is_not_told_of(
    database: Database, kafka: Topics
) -> None:
    causes: list[DocumentPublished] = []

    def cause(record_id: UUID) -> Event:
        long_ago = int((clock.now() - timedelta(days=400)).timestamp() * 1000)  # notify never received the document
        id = UUID(int=long_ago << 80 | clock.new_id(bucket_of(record_id)).int & (1 << 80) - 1)
        causes.append(published(record_id, document_id=id))
        return consulted(record_id, document_id=id)

    async def change() -> None:
        await kafka.put(relabelled(causes[0], FROM_PATIENT))
        await eventually(lambda: value(database, "select count(*) = 1 from restricted_documents"))

    end, mails = await end_of(database, kafka, cause, change)
    assert isinstance(end, AlertWithheld)
    assert (end.kind, end.reason, mails) == ("consultation", "invisible-to-patient", 0)


async def test_a_document_that_is_still_shown_after_new_labels_is_told_of(database: Database, kafka: Topics) -> None:
    causes: list[DocumentPublished] = []

    def cause(record_id: UUID) -> Event:
        causes.append(published(record_id))
        return causes[0]

    async def change() -> None:
        await kafka.put(relabelled(causes[0], "MASQUE_PS"))
        await eventually(lambda: value(database, "select audience = 'everybody' from restricted_documents"))

    end, mails = await end_of(database, kafka, cause, change)
    assert isinstance(end, AlertSent)
    assert mails == 1


async def test_what_was_switched_off_since_is_not_told(database: Database, kafka: Topics) -> None:
    off = "insert into preferences select record_id, false, false, now() from alerts returning true"
    end, mails = await end_of(database, kafka, published, lambda: value(database, off))
    assert isinstance(end, AlertUnwanted)
    assert (end.reason, mails) == ("switched-off", 0)


async def test_an_address_that_was_given_up_since_gets_no_mail(database: Database, kafka: Topics) -> None:
    async def change() -> None:
        await kafka.put(contact(await value(database, "select record_id from alerts"), None, version=2))
        await eventually(lambda: value(database, "select version = 2 from contacts"))

    end, mails = await end_of(database, kafka, published, change)
    assert isinstance(end, AlertUnwanted)
    assert (end.reason, mails) == ("no-address", 0)
