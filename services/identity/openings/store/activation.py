"""Batches of activation codes, and the codes: keyed hashes, used once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.identity.kit.sealed_rows import Sealed
from services.identity.openings.domain.activation import IssuedCode
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_of

INSERT_BATCH = """
insert into activation_waves (id, purpose, key_id, sealed_key, created_at) values ($1, $2, $3, $4, $5)
on conflict on constraint activation_waves_purpose_key do nothing"""


async def insert_code_batch(connection: Connection, batch_id: UUID, purpose: str, sealed: Sealed, at: datetime) -> None:
    """Inserts a batch, unless there is one for that purpose."""
    await connection.execute(INSERT_BATCH, batch_id, purpose, sealed.key_id, sealed.data, at)


SELECT_BATCH = "select id, key_id, sealed_key from activation_waves where purpose = $1"


async def load_code_batch(connection: Connection, purpose: str) -> tuple[UUID, Sealed] | None:
    """Returns id and sealed key of the batch for that purpose, or None."""
    row = await connection.fetchrow(SELECT_BATCH, purpose)
    return None if row is None else (row["id"], Sealed(row["key_id"], row["sealed_key"]))


SELECT_BATCH_BY_ID = "select id, key_id, sealed_key from activation_waves where id = $1"


async def load_code_batch_by_id(connection: Connection, batch_id: UUID) -> tuple[UUID, Sealed] | None:
    """Returns id and sealed key of a batch, or None."""
    row = await connection.fetchrow(SELECT_BATCH_BY_ID, batch_id)
    return None if row is None else (row["id"], Sealed(row["key_id"], row["sealed_key"]))


ADD_TO_BATCH = "update activation_waves set size = size + $2 where id = $1"
INSERT_CODES = """
insert into activation_codes (bucket, record_id, attempt, wave_id, person, code_hash, issued_at, expires_at)
select * from unnest($1::integer[], $2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[])"""


async def insert_codes(connection: Connection, codes: Sequence[IssuedCode]) -> None:
    """Inserts issued codes."""
    await connection.execute(
        INSERT_CODES,
        [bucket_of(code.record_id) for code in codes],
        [code.record_id for code in codes],
        [code.attempt for code in codes],
        [code.wave_id for code in codes],
        [code.person for code in codes],
        [code.code_hash for code in codes],
        [code.issued_at for code in codes],
        [code.expires_at for code in codes],
    )


async def add_to_code_batch(connection: Connection, batch_id: UUID, number: int) -> None:
    """Adds to the number of codes of a batch."""
    await connection.execute(ADD_TO_BATCH, batch_id, number)


LAST_ATTEMPT = "select max(attempt) from activation_codes where bucket = $1 and record_id = $2"


async def last_attempt(connection: Connection, record_id: UUID) -> int:
    """Returns the number of the latest code of a record, or 0."""
    attempt: int | None = await connection.fetchval(LAST_ATTEMPT, bucket_of(record_id), record_id)
    return attempt or 0


REVOKE_CODES = """
update activation_codes set revoked_at = $3
where bucket = $1 and record_id = $2 and used_at is null and revoked_at is null"""


async def revoke_codes(connection: Connection, record_id: UUID, at: datetime) -> int:
    """Revokes all usable codes of a record. Returns how many there were."""
    tag: str = await connection.execute(REVOKE_CODES, bucket_of(record_id), record_id, at)
    return count_of(tag)


IS_USABLE = """
select exists (select from activation_codes
where bucket = $1 and record_id = $2 and code_hash = any($3::text[])
  and used_at is null and revoked_at is null and expires_at > $4)"""


async def is_usable(connection: Connection, record_id: UUID, hashes: Sequence[str], at: datetime) -> bool:
    """Returns whether `use_code` would succeed now: a cheap check before a password is hashed."""
    return bool(await connection.fetchval(IS_USABLE, bucket_of(record_id), record_id, hashes, at))


USE_CODE = """
update activation_codes set used_at = $4
where bucket = $1 and record_id = $2 and code_hash = any($3::text[])
  and used_at is null and revoked_at is null and expires_at > $4
returning attempt"""


async def use_code(connection: Connection, record_id: UUID, hashes: Sequence[str], at: datetime) -> bool:
    """Marks the code as used. Returns False when it cannot be used; of two concurrent callers exactly one succeeds."""
    return await connection.fetchval(USE_CODE, bucket_of(record_id), record_id, hashes, at) is not None


SELECT_CODES = """
select record_id, attempt, wave_id, person, code_hash, issued_at, expires_at from activation_codes
where wave_id = $1 and (bucket, record_id) > ($2, $3) and used_at is null and revoked_at is null
order by bucket, record_id limit $4"""


async def page_of_codes(
    connection: Connection, batch_id: UUID, after: tuple[int, UUID], limit: int
) -> list[IssuedCode]:
    """Returns the usable codes of a batch after that (bucket, record id), in that order."""
    rows = await connection.fetch(SELECT_CODES, batch_id, *after, limit)
    return [IssuedCode(**row) for row in rows]


DELETE_CODES = "delete from activation_codes where bucket = $1 and record_id = $2"


async def delete_codes(connection: Connection, record_id: UUID) -> int:
    """Deletes the codes of an erased record. Returns how many there were."""
    tag: str = await connection.execute(DELETE_CODES, bucket_of(record_id), record_id)
    return count_of(tag)
