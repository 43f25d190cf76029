"""Announcements that the broker refuses for good: the relay's own dead letters, for an operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from shared.contracts.base import Actor, StateWithheld
from shared.contracts.declarations import Principal
from shared.contracts.topics import TOPICS
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.messaging.outbox.append import append
from shared.messaging.outbox.operator_entries import entry_of_act
from shared.runtime import clock
from shared.runtime.logs import log
from shared.runtime.metrics import OUTBOX_REFUSED

INSERT_REFUSED = """
insert into refused_announcements
  (event_id, topic, key, event_type, subject, traceparent, occurred_at, payload, extra, error_code)
select event_id, topic, key, event_type, subject, traceparent, occurred_at, payload, extra, $2
from outbox where id = $1
on conflict on constraint refused_announcements_pkey do update set error_code = excluded.error_code"""
REPLACE_BY_MARKER = """
update outbox set event_id = $2, event_type = $3, payload = $4, extra = null where id = $1"""
DELETE_ROW = "delete from outbox where id = $1"
LIST_REFUSED = """
select event_id, topic, event_type, error_code, octet_length(payload) as size, occurred_at, refused_at
from refused_announcements order by refused_at, event_id limit $1"""
SEND_AGAIN = """
with taken as (
  delete from refused_announcements where event_id = $1
  returning topic, key, event_id, event_type, subject, traceparent, occurred_at, payload, extra
)
insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload, extra)
select topic, key, event_id, event_type, subject, traceparent, occurred_at, payload, extra from taken
returning id"""
SELECT_TOPIC = "select topic from refused_announcements where event_id = $1"
DISCARD = "delete from refused_announcements where event_id = $1 returning topic, error_code"
STATES = frozenset(topic.name for topic in TOPICS if topic.kind == "state")


class RefusedUnknownError(ClientError):
    """There is no refused announcement with this id."""

    status = 404
    code = "announcement-unknown"


class RefusedStateError(ClientError):
    """A refused state is not sent again: a newer one may stand on its topic. Change the aggregate, or discard it."""

    status = 409
    code = "state-may-be-old"


@dataclass(frozen=True, slots=True)
class RefusedAnnouncement:
    """A refused announcement as operators see it: codes and its size in bytes, never its content."""

    event_id: UUID
    topic: str
    event_type: str
    error_code: str
    size: int | None
    occurred_at: datetime
    refused_at: datetime


async def store_refused(connection: Connection, row: asyncpg.Record, code: str) -> None:
    """Moves a row from the outbox to the refused announcements, for an operator.

    On a state topic a marker that breaks the copy of the key takes the row's place in the order.
    """
    async with connection.transaction():
        await connection.execute(INSERT_REFUSED, row["id"], code)
        marker = StateWithheld(aggregate_key=row["subject"], error_code=code)
        if row["topic"] in STATES and row["event_type"] != marker.ce_type:
            body = marker.model_dump_json().encode()
            await connection.execute(REPLACE_BY_MARKER, row["id"], clock.new_id(), marker.ce_type, body)
        else:
            await connection.execute(DELETE_ROW, row["id"])
    OUTBOX_REFUSED.labels(row["topic"], code).inc()
    log("announcement.refused", topic=row["topic"], code=code)


async def list_refused(connection: Connection, limit: int = 1000) -> Sequence[RefusedAnnouncement]:
    """Returns the refused announcements, oldest first."""
    return [RefusedAnnouncement(**row) for row in await connection.fetch(LIST_REFUSED, limit)]


async def send_again(connection: Connection, event_id: UUID, service: Principal, operator: Actor) -> None:
    """Puts a refused fact back at the end of the outbox, and the operator's entry of the ledger behind it.

    Raises RefusedUnknownError, RefusedStateError.
    """
    topic = await connection.fetchval(SELECT_TOPIC, event_id)
    if topic in STATES:
        raise RefusedStateError
    if await connection.fetchval(SEND_AGAIN, event_id) is None:
        raise RefusedUnknownError
    await append(connection, [entry_of_act(service, operator, "send-refused-announcement", str(event_id))])


async def discard(connection: Connection, event_id: UUID, service: Principal, operator: Actor) -> None:
    """Deletes a refused announcement, and enters in the ledger who did. Raises RefusedUnknownError."""
    if await connection.fetchrow(DISCARD, event_id) is None:
        raise RefusedUnknownError
    await append(connection, [entry_of_act(service, operator, "discard-refused-announcement", str(event_id))])
