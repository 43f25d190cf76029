"""Messages as a consumer's handler is given them, and what a transaction has put into the outbox."""

import itertools
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from shared import clock, tracing
from shared.contracts.base import Event
from shared.contracts.topics import EVENTS, topic_of
from shared.db.pool import Connection, Pool
from shared.decoding import Message

SELECT_OUTBOX = "select event_id, event_type, key, traceparent, payload from outbox order by id"
_offsets = itertools.count()


def message(
    event: Event, *, id: UUID | None = None, time: datetime | None = None, partition: int = 0, trace: str | None = None
) -> Message[Any]:
    """The event as it comes from its topic."""
    return Message(
        event=event,
        id=id or uuid4(),
        time=time or clock.now(),
        trace=trace or tracing.new_trace(),
        key=event.key.encode(),
        topic=topic_of(event).name,
        partition=partition,
        offset=next(_offsets),
    )


async def outbox(connection: Connection | Pool) -> list[Event]:
    """Everything announced and not yet sent, in order."""
    rows = await connection.fetch(SELECT_OUTBOX)
    return [EVENTS[row["event_type"]].model_validate_json(row["payload"]) for row in rows]


async def traces(connection: Connection | Pool) -> list[str]:
    """The trace ids of the same."""
    return [tracing.trace_id(row["traceparent"]) for row in await connection.fetch(SELECT_OUTBOX)]
