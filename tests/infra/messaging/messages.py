"""Messages in the form that a consumer's handler receives, and the events in the outbox."""

import itertools
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from services.audit.ledger.domain.writers import ACTIONS_BY_SERVICE, may_report
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.contracts.carried_events import EVENTS, topic_of
from shared.contracts.declarations import SERVICES, Principal
from shared.contracts.identity import ErasureAcknowledged
from shared.contracts.topics import TOPICS
from shared.db.pool import Connection, Pool
from shared.messaging.envelope import KeptRecord, Message
from shared.runtime import clock, tracing

SELECT_OUTBOX = "select event_id, topic, event_type, key, traceparent, payload from outbox order by id"
_offsets = itertools.count()


def sender_of(event: Event) -> Principal:
    """Returns the service that announces an event; if all services announce it, the service that acted."""
    match event:
        case AccessRecorded():
            return next(
                (service for service, actions in ACTIONS_BY_SERVICE.items() if event.action in actions), "records"
            )
        case ErasureAcknowledged():
            return next((service for service in SERVICES if service == event.service), "notify")
    return next(topic.writer for topic in TOPICS if type(event) in topic.events if topic.writer is not None)


def message(
    event: Event,
    *,
    id: UUID | None = None,
    time: datetime | None = None,
    partition: int = 0,
    trace: str | None = None,
    topic: str | None = None,
) -> Message[Any]:
    """Returns the event as a message from its topic, by default the topic of the service that announces it."""
    return Message(
        event=event,
        id=id or uuid4(),
        time=time or clock.now(),
        trace=trace or tracing.new_trace(),
        key=event.key.encode(),
        topic=topic or topic_of(event, sender_of(event)).name,
        partition=partition,
        offset=next(_offsets),
    )


def fetched(
    event: Event,
    *,
    topic: str | None = None,
    ce_type: str | None = None,
    changes: dict[str, Any] | None = None,
    partition: int = 0,
    id: UUID | None = None,
) -> KeptRecord:
    """Returns the Kafka record of an event as a consumer fetches it, with `changes` to its data or another type."""
    body = {**orjson.loads(event.model_dump_json()), **(changes or {})}
    headers = {"ce_id": str(id or uuid4()), "ce_type": ce_type or event.ce_type, "ce_time": clock.now().isoformat()}
    return KeptRecord(
        topic=topic or topic_of(event, sender_of(event)).name,
        partition=partition,
        offset=next(_offsets),
        key=event.key.encode(),
        value=orjson.dumps(body),
        headers=[(name, text.encode()) for name, text in headers.items()],
    )


async def outbox(connection: Connection | Pool) -> list[Event]:
    """Returns the events in the outbox that are not yet sent, in order."""
    rows = await connection.fetch(SELECT_OUTBOX)
    return [event_in(row) for row in rows]


def event_in(row: asyncpg.Record) -> Event:
    """Returns the event of an outbox row (topic, event_type, payload); asserts that the topic's writer may report
    it."""
    event = EVENTS[row["event_type"]].model_validate_json(row["payload"])
    if isinstance(event, AccessRecorded):
        assert may_report(row["topic"], event), (row["topic"], event.action, event.actor.kind)
    return event


async def traces(connection: Connection | Pool) -> list[str]:
    """Returns the trace ids of the events in the outbox that are not yet sent, in order."""
    return [tracing.trace_id(row["traceparent"]) for row in await connection.fetch(SELECT_OUTBOX)]
