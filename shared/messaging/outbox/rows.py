"""The relay's view of the outbox: the rows to send next, and those already sent.

Rows are read in the order of their ids, above a floor. All rows below the floor have been sent or skipped, so that dead
tuples below it (a long snapshot keeps them from being vacuumed) cost nothing. The floor is raised only past ids that
can no longer appear: a transaction draws its own id before its rows' ids. So once every transaction has ended that ran
when a row was read, no id lower than that row's can still appear.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from shared.contracts.base import StateWithheld
from shared.db.pool import Connection
from shared.messaging.outbox.partitions import TopicPartition
from shared.messaging.outbox.sent_facts import KEPT_ELSEWHERE

SELECT_ROWS = """
select page.id, page.topic, page.key, page.event_id, page.event_type, page.subject, page.traceparent, page.occurred_at,
       page.payload, page.extra, page.created_at, statement_timestamp() as read_at,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest_running,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next_transaction
from (values (1)) as always(n)
left join lateral (
  select id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload, extra, created_at
  from outbox where id > $1 and id <> all($2::bigint[]) order by id limit $3
) as page on true
order by page.id"""
SELECT_AHEAD = """
select key, created_at from outbox
where topic = $1 and id > $2 and id <> all($3::bigint[]) order by created_at limit $4"""
DELETE_SENT = """
with gone as (
  delete from outbox where id = any($1::bigint[])
  returning id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload
), kept as (
  insert into sent_facts (id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload)
  select id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload
  from gone where topic <> all($6::text[])
), decided as (
  delete from withheld_states withheld using gone
  where withheld.topic = gone.topic and withheld.key = convert_from(gone.key, 'UTF8') and gone.event_type <> $7
    and not exists (select from outbox marker where marker.topic = gone.topic and marker.key = gone.key
                    and marker.event_type = $7 and marker.id > gone.id)
)
insert into outbox_offsets (topic, partition, cluster_id, next_offset)
select topic, partition, $2, next_offset
from unnest($3::text[], $4::integer[], $5::bigint[]) as sent(topic, partition, next_offset)
order by topic, partition
on conflict on constraint outbox_offsets_pkey
do update set cluster_id = excluded.cluster_id, next_offset = excluded.next_offset"""
BATCH = 500
AHEAD = 5000


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of their ids. Unless `is_full`, it holds every row committed up to `read_at`."""

    rows: list[asyncpg.Record]
    read_at: datetime
    is_full: bool


class OutboxReader:
    """Reads the outbox for the leader.

    A row is *sent* when it is acknowledged and not yet deleted, *skipped* when its partition is held. Neither is read
    again until it is released.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.floor = 0
        self._seen: deque[tuple[int, int]] = deque()
        self.sent: set[int] = set()
        self._skipped: dict[TopicPartition, list[int]] = {}
        self._first_skipped: dict[TopicPartition, asyncpg.Record] = {}

    async def read(self) -> Page:
        """Returns the next rows that are neither sent nor skipped."""
        rows_read = await self._connection.fetch(SELECT_ROWS, self.floor, self._excluded_ids(), BATCH)
        rows = [row for row in rows_read if row["id"] is not None]
        page = Page(rows, rows_read[0]["read_at"], is_full=len(rows) == BATCH)
        self._raise_floor(page, rows_read[0]["oldest_running"], rows_read[0]["next_transaction"])
        return page

    def _raise_floor(self, page: Page, oldest_running: int, next_transaction: int) -> None:
        """Raises the floor to below the page's first row, or to the last id below which no more rows can appear."""
        complete = self.floor
        while self._seen and self._seen[0][1] <= oldest_running:
            complete = max(complete, self._seen.popleft()[0])
        if page.rows:
            self._seen.append((page.rows[-1]["id"], next_transaction))
            complete = min(complete, page.rows[0]["id"] - 1)
        if complete > self.floor:
            self.floor = complete
            self._skipped = {partition: [id for id in ids if id > complete] for partition, ids in self._skipped.items()}

    def skip(self, partition: TopicPartition, row: asyncpg.Record) -> None:
        """Skips a row until its partition is released."""
        first = self._first_skipped.get(partition)
        if first is None or row["id"] < first["id"]:
            self._first_skipped[partition] = row
        self._skipped.setdefault(partition, []).append(row["id"])

    def release(self, partition: TopicPartition) -> None:
        """Releases the skipped rows of this partition, so that they are read again."""
        first = self._first_skipped.pop(partition, None)
        self._skipped.pop(partition, None)
        if first is not None:
            self._lower_floor(first["id"])

    def forget_sent(self) -> None:
        """Forgets the sent rows, so that they are read again: their transaction was not committed."""
        if self.sent:
            self._lower_floor(min(self.sent))
        self.sent.clear()

    def first_skipped(self, partition: TopicPartition) -> asyncpg.Record | None:
        """Returns the oldest skipped row of a held partition; None when there is none."""
        return self._first_skipped.get(partition)

    def oldest_skipped(self) -> dict[TopicPartition, datetime]:
        """Returns the time at which the oldest skipped row of each held partition was written."""
        return {partition: row["created_at"] for partition, row in self._first_skipped.items()}

    async def delete_sent(self, cluster_id: str, offsets: dict[TopicPartition, int]) -> None:
        """Deletes the sent rows, keeps the facts among them, and stores the acknowledged offset of each partition."""
        partitions = sorted(offsets)
        await self._connection.execute(
            DELETE_SENT,
            list(self.sent),
            cluster_id,
            [partition.topic for partition in partitions],
            [partition.partition for partition in partitions],
            [offsets[partition] for partition in partitions],
            KEPT_ELSEWHERE,
            StateWithheld.ce_type,
        )
        self.sent.clear()

    async def unsent_ahead(self, topic: str) -> tuple[dict[bytes, datetime], datetime | None]:
        """For a full page: returns the keys of a topic that have unsent rows, with the time of the oldest row of each.

        When there are too many unsent rows to read, the second value is the time of the last row that was read.
        """
        rows = await self._connection.fetch(SELECT_AHEAD, topic, self.floor, self._excluded_ids(), AHEAD)
        keys: dict[bytes, datetime] = {}
        for row in rows:
            keys.setdefault(row["key"], row["created_at"])
        return keys, rows[-1]["created_at"] if len(rows) == AHEAD else None

    def _excluded_ids(self) -> list[int]:
        """Returns the ids of rows that are not read again for now: skipped and sent ones."""
        return [id for ids in self._skipped.values() for id in ids] + [*self.sent]

    def _lower_floor(self, id: int) -> None:
        self.floor = min(self.floor, id - 1)
