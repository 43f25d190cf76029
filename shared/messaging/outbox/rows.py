"""The relay's view of the outbox: which rows come next, which are done.

Rows are read in the order of their ids, from a floor up. Everything below the floor has been dealt with, so that the
dead rows below it (a long snapshot keeps them from being removed) cost nothing. The floor is raised only past ids that
can no longer appear: a transaction draws its own id before its rows' ids. So when every transaction has ended that ran
when a row was seen, no lower id than that row's is still to come.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from shared.db.pool import Connection
from shared.messaging.outbox.partitions import TopicPartition

SELECT_ROWS = """
select page.id, page.topic, page.key, page.event_id, page.event_type, page.subject, page.traceparent, page.occurred_at,
       page.payload, page.extra, page.created_at, statement_timestamp() as read_at,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest_running,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next_transaction
from (values (1)) as always(one)
left join lateral (
  select id, topic, key, event_id, event_type, subject, traceparent, occurred_at, payload, extra, created_at
  from outbox where id > $1 and id <> all($2::bigint[]) order by id limit $3
) as page on true
order by page.id"""
SELECT_AHEAD = """
select key, created_at from outbox
where topic = $1 and id > $2 and id <> all($3::bigint[]) order by created_at limit $4"""
DELETE_SENT = """
with gone as (delete from outbox where id = any($1::bigint[]))
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
    """Rows in the order of their ids. `read_at`: every row committed until then is in it, unless `is_full`."""

    rows: list[asyncpg.Record]
    read_at: datetime
    is_full: bool


class OutboxReader:
    """Reads the outbox for the leader. Rows are *sent* (acknowledged, not yet deleted) or *skipped* (of a held
    partition); neither are read again until they are released."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.floor = 0
        self._seen: deque[tuple[int, int]] = deque()
        self.sent: set[int] = set()
        self._skipped: dict[TopicPartition, list[int]] = {}
        self._first_skipped: dict[TopicPartition, asyncpg.Record] = {}

    async def read(self) -> Page:
        """The next rows that are neither sent nor skipped."""
        found = await self._connection.fetch(SELECT_ROWS, self.floor, self._passed(), BATCH)
        rows = [row for row in found if row["id"] is not None]
        page = Page(rows, found[0]["read_at"], is_full=len(rows) == BATCH)
        self._raise_floor(page, found[0]["oldest_running"], found[0]["next_transaction"])
        return page

    def _raise_floor(self, page: Page, oldest_running: int, next_transaction: int) -> None:
        """Past what the page shows only rows that it shows can be; below its first row none is left to be read."""
        complete = self.floor
        while self._seen and self._seen[0][1] <= oldest_running:
            complete = max(complete, self._seen.popleft()[0])
        if page.rows:
            self._seen.append((page.rows[-1]["id"], next_transaction))
            complete = min(complete, page.rows[0]["id"] - 1)
        if complete > self.floor:
            self.floor = complete
            self._skipped = {place: [id for id in ids if id > complete] for place, ids in self._skipped.items()}

    def skip(self, place: TopicPartition, row: asyncpg.Record) -> None:
        """This row waits until its partition is released."""
        first = self._first_skipped.get(place)
        if first is None or row["id"] < first["id"]:
            self._first_skipped[place] = row
        self._skipped.setdefault(place, []).append(row["id"])

    def release(self, place: TopicPartition) -> None:
        """What was skipped of this partition is read again."""
        first = self._first_skipped.pop(place, None)
        self._skipped.pop(place, None)
        if first is not None:
            self._go_back(first["id"])

    def forget_sent(self) -> None:
        """What was sent is read again: its transaction was not committed."""
        if self.sent:
            self._go_back(min(self.sent))
        self.sent.clear()

    def first_skipped(self, place: TopicPartition) -> asyncpg.Record | None:
        """The oldest row that waits for a held partition."""
        return self._first_skipped.get(place)

    def oldest_skipped(self) -> dict[TopicPartition, datetime]:
        """When the oldest row that waits for each held partition was written."""
        return {place: row["created_at"] for place, row in self._first_skipped.items()}

    async def delete_sent(self, cluster_id: str, offsets: dict[TopicPartition, int]) -> None:
        """Deletes what was sent and keeps how far each partition was acknowledged."""
        places = sorted(offsets)
        await self._connection.execute(
            DELETE_SENT,
            list(self.sent),
            cluster_id,
            [place.topic for place in places],
            [place.partition for place in places],
            [offsets[place] for place in places],
        )
        self.sent.clear()

    async def unsent_ahead(self, topic: str) -> tuple[dict[bytes, datetime], datetime | None]:
        """Keys with unsent rows of a topic and since when, for a page that was full; and, where that is not all of
        them, the moment of the last one that was looked at."""
        rows = await self._connection.fetch(SELECT_AHEAD, topic, self.floor, self._passed(), AHEAD)
        keys: dict[bytes, datetime] = {}
        for row in rows:
            keys.setdefault(row["key"], row["created_at"])
        return keys, rows[-1]["created_at"] if len(rows) == AHEAD else None

    def _passed(self) -> list[int]:
        """The rows that are not read again for now."""
        return [id for ids in self._skipped.values() for id in ids] + [*self.sent]

    def _go_back(self, id: int) -> None:
        self.floor = min(self.floor, id - 1)
