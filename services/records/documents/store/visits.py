"""Remembers when a reader looked at a record last, and in which session."""

from datetime import datetime
from uuid import UUID

from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_VISIT = """
select case when session_id = $4 then previous_at else seen_at end as previous_at
from reader_visits where bucket = $1 and record_id = $2 and reader_id = $3"""
UPSERT_VISIT = """
insert into reader_visits as visit (bucket, record_id, reader_id, session_id, seen_at)
values ($1, $2, $3, $4, $5)
on conflict on constraint reader_visits_pkey do update
set previous_at = case when visit.session_id = excluded.session_id then visit.previous_at else visit.seen_at end,
    session_id = excluded.session_id, seen_at = greatest(visit.seen_at, excluded.seen_at)"""


async def load_previous_visit(
    connection: Connection, record_id: UUID, reader_id: str, session_id: UUID
) -> datetime | None:
    """Returns when the reader looked at the record last in an earlier session; None: never."""
    previous_at: datetime | None = await connection.fetchval(
        SELECT_VISIT, bucket_of(record_id), record_id, reader_id, session_id
    )
    return previous_at


async def store_visit(
    connection: Connection, record_id: UUID, reader_id: str, session_id: UUID, seen_at: datetime
) -> None:
    """Stores that the reader looks at the record now, in this session."""
    await connection.execute(UPSERT_VISIT, bucket_of(record_id), record_id, reader_id, session_id, seen_at)
