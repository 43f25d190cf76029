"""Reads the lines of a record's history. Asks for the Permit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from services.records.reimbursements.domain.lines import Kind
from shared.access import Permit
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

MOST_LINES = 20_000
SELECT_HISTORY = """
select r.line_key, r.version, r.care, k.kid, k.wrapped
from record_keys k
join reimbursements r on r.bucket = k.bucket and r.record_id = k.record_id and r.month = any($3::date[])
where k.bucket = $1 and k.record_id = $2 and r.care is not null and ($4::text is null or r.kind = $4)
order by r.month desc limit $5"""


@dataclass(frozen=True, slots=True)
class SealedLine:
    """A line with its care sealed under the record's data key."""

    key: bytes
    version: int
    care: bytes


@dataclass(frozen=True, slots=True)
class SealedHistory:
    """The lines of a record, and its data key."""

    lines: Sequence[SealedLine]
    data_key: WrappedKey


async def read_history(
    connection: Connection, _: Permit, record_id: UUID, months: Sequence[date], kind: Kind | None
) -> SealedHistory | None:
    """Returns the lines of these months, at most 20,000 of the latest ones; None where there is none."""
    rows = await connection.fetch(SELECT_HISTORY, bucket_of(record_id), record_id, months, kind, MOST_LINES)
    if not rows:
        return None
    lines = [SealedLine(row["line_key"], row["version"], row["care"]) for row in rows]
    return SealedHistory(lines, WrappedKey(rows[0]["kid"], rows[0]["wrapped"]))
