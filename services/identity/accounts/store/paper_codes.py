"""Stores the codes on paper of holders, as keyed hashes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

DELETE_CODES = "delete from paper_codes where bucket = $1 and record_id = $2 returning position"
INSERT_CODES = """
insert into paper_codes (bucket, record_id, position, code_hash, printed_at)
select $1, $2, made.position, made.code_hash, $4
from unnest($3::text[]) with ordinality as made(code_hash, position)"""


async def replace_codes(connection: Connection, record_id: UUID, hashes: Sequence[str], now: datetime) -> None:
    """Replaces all codes of a holder."""
    await connection.execute(DELETE_CODES, bucket_of(record_id), record_id)
    await connection.execute(INSERT_CODES, bucket_of(record_id), record_id, hashes, now)


USE_CODE = """
update paper_codes set used_at = $4
where bucket = $1 and record_id = $2 and code_hash = any($3::text[]) and used_at is null returning position"""


async def use_code(connection: Connection, record_id: UUID, hashes: Sequence[str], now: datetime) -> bool:
    """Marks a code as used. Returns False when the holder has no such code, or used it before."""
    return await connection.fetchval(USE_CODE, bucket_of(record_id), record_id, hashes, now) is not None


COUNT_UNUSED = "select count(*) from paper_codes where bucket = $1 and record_id = $2 and used_at is null"


async def count_unused(connection: Connection, record_id: UUID) -> int:
    """Returns how many codes of a holder are left."""
    number: int = await connection.fetchval(COUNT_UNUSED, bucket_of(record_id), record_id)
    return number


async def delete_paper_codes_of(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the codes of a record. Returns the number of deleted rows per table."""
    return {"paper-codes": len(await connection.fetch(DELETE_CODES, bucket_of(record_id), record_id))}
