"""Keeps the facts that the relay has sent, for some days, so that they can be sent again onto another Kafka cluster.

A fact keeps its id, its time and its body: consumers that handled it before recognise it. States and erasures are not
kept here, because their owner can announce them from its own tables at any time.
"""

from typing import Final

import asyncpg

from shared.contracts.declarations import Topic
from shared.contracts.topics import TOPICS
from shared.db.pool import Connection
from shared.messaging.outbox.append import Announcement

KEPT_ELSEWHERE: Final = tuple(topic.name for topic in TOPICS if topic.kind == "state" or topic.retention is None)
"""Topics that are kept for ever. What they hold is announced anew from the tables of their owner."""
DAYS_KEPT = 3
"""Whole days, besides today: longer than the backups of one night lie apart, and than a consumer may lag."""
MAINTAIN = "select maintain_sent_facts($1)"
TAKE_UNSENT = """
with gone as (
  delete from outbox
  returning id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload
)
insert into sent_facts (id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload)
select id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload
from gone where topic <> all($1::text[])"""
SELECT_NEWEST = "select coalesce(max(id), 0) from sent_facts"
TAKE_PAGE = """
with page as (select id, sent_at from sent_facts where id <= $1 order by id limit $2)
delete from sent_facts sent using page where sent.id = page.id and sent.sent_at = page.sent_at
returning sent.id, topic, key, event_id, event_type, traceparent, occurred_at, payload"""
_TOPICS: Final[dict[str, Topic]] = {topic.name: topic for topic in TOPICS}


async def maintain(connection: Connection) -> None:
    """Creates the table partitions of the coming days and drops those of past days."""
    await connection.execute(MAINTAIN, DAYS_KEPT)


async def take_unsent(connection: Connection) -> int:
    """Moves the unsent facts behind the sent ones, and empties the outbox. Returns the id of the newest fact.

    Unsent states and erasures are deleted: they are announced anew from their tables.
    """
    await connection.execute(TAKE_UNSENT, KEPT_ELSEWHERE)
    return int(await connection.fetchval(SELECT_NEWEST))


async def take_page(connection: Connection, newest: int, limit: int) -> list[Announcement]:
    """Takes the oldest facts, up to the id `newest`. Returns their announcements in the order of their first sending.

    A fact whose topic is no longer declared is dropped: nothing reads it.
    """
    rows = await connection.fetch(TAKE_PAGE, newest, limit)
    return [_announcement(row) for row in sorted(rows, key=lambda row: row["id"]) if row["topic"] in _TOPICS]


def _announcement(row: asyncpg.Record) -> Announcement:
    return Announcement(
        topic=_TOPICS[row["topic"]],
        key=row["key"].decode(),
        id=row["event_id"],
        type=row["event_type"],
        trace=row["traceparent"],
        occurred_at=row["occurred_at"],
        body=row["payload"],
    )
