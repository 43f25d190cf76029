"""Waves of activation codes, and the codes: keyed hashes, used once."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.identity.domain.activation import IssuedCode
from services.identity.domain.sealing import Sealed
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_of

INSERT_WAVE = """
insert into activation_waves (id, purpose, key_id, sealed_key, created_at) values ($1, $2, $3, $4, $5)
on conflict on constraint activation_waves_purpose_key do nothing"""


async def insert_wave(connection: Connection, wave_id: UUID, purpose: str, sealed: Sealed, at: datetime) -> None:
    """A wave, unless there is one for that purpose."""
    await connection.execute(INSERT_WAVE, wave_id, purpose, sealed.key_id, sealed.data, at)


SELECT_WAVE = "select id, key_id, sealed_key from activation_waves where purpose = $1"


async def load_wave(connection: Connection, purpose: str) -> tuple[UUID, Sealed] | None:
    """The wave for that purpose."""
    row = await connection.fetchrow(SELECT_WAVE, purpose)
    return None if row is None else (row["id"], Sealed(row["key_id"], row["sealed_key"]))


SELECT_WAVE_BY_ID = "select id, key_id, sealed_key from activation_waves where id = $1"


async def load_wave_by_id(connection: Connection, wave_id: UUID) -> tuple[UUID, Sealed] | None:
    """A wave."""
    row = await connection.fetchrow(SELECT_WAVE_BY_ID, wave_id)
    return None if row is None else (row["id"], Sealed(row["key_id"], row["sealed_key"]))


ADD_TO_WAVE = "update activation_waves set size = size + $2 where id = $1"
INSERT_CODES = """
insert into activation_codes (bucket, record_id, attempt, wave_id, person, code_hash, issued_at, expires_at)
select * from unnest($1::integer[], $2::uuid[], $3::integer[], $4::uuid[], $5::text[], $6::text[],
                     $7::timestamptz[], $8::timestamptz[])"""


async def insert_codes(connection: Connection, codes: Sequence[IssuedCode]) -> None:
    """Codes as they were issued."""
    await connection.execute(
        INSERT_CODES,
        [bucket_of(one.record_id) for one in codes],
        [one.record_id for one in codes],
        [one.attempt for one in codes],
        [one.wave_id for one in codes],
        [one.person for one in codes],
        [one.code_hash for one in codes],
        [one.issued_at for one in codes],
        [one.expires_at for one in codes],
    )


async def add_to_wave(connection: Connection, wave_id: UUID, number: int) -> None:
    """So many more codes of a wave."""
    await connection.execute(ADD_TO_WAVE, wave_id, number)


LAST_ATTEMPT = "select max(attempt) from activation_codes where bucket = $1 and record_id = $2"


async def last_attempt(connection: Connection, record_id: UUID) -> int:
    """The number of the latest code of a record, 0 without one."""
    found: int | None = await connection.fetchval(LAST_ATTEMPT, bucket_of(record_id), record_id)
    return found or 0


REVOKE_CODES = """
update activation_codes set revoked_at = $3
where bucket = $1 and record_id = $2 and used_at is null and revoked_at is null"""


async def revoke_codes(connection: Connection, record_id: UUID, at: datetime) -> int:
    """No code of this record can be used any more; returns how many could."""
    done: str = await connection.execute(REVOKE_CODES, bucket_of(record_id), record_id, at)
    return count_of(done)


IS_USABLE = """
select exists (select from activation_codes
where bucket = $1 and record_id = $2 and code_hash = any($3::text[])
  and used_at is null and revoked_at is null and expires_at > $4)"""


async def is_usable(connection: Connection, record_id: UUID, hashes: Sequence[str], at: datetime) -> bool:
    """Whether `use_code` would use it now: the cheap look before a password is hashed."""
    return bool(await connection.fetchval(IS_USABLE, bucket_of(record_id), record_id, hashes, at))


USE_CODE = """
update activation_codes set used_at = $4
where bucket = $1 and record_id = $2 and code_hash = any($3::text[])
  and used_at is null and revoked_at is null and expires_at > $4
returning attempt"""


async def use_code(connection: Connection, record_id: UUID, hashes: Sequence[str], at: datetime) -> bool:
    """Uses the code if it may be used; of two at once exactly one does."""
    return await connection.fetchval(USE_CODE, bucket_of(record_id), record_id, hashes, at) is not None


SELECT_CODES = """
select record_id, attempt, wave_id, person, code_hash, issued_at, expires_at from activation_codes
where wave_id = $1 and (bucket, record_id) > ($2, $3) and used_at is null and revoked_at is null
order by bucket, record_id limit $4"""


async def page_of_codes(connection: Connection, wave_id: UUID, after: tuple[int, UUID], limit: int) -> list[IssuedCode]:
    """The codes of a wave that may still be used, in order of (bucket, record): to be printed again."""
    rows = await connection.fetch(SELECT_CODES, wave_id, *after, limit)
    return [IssuedCode(**row) for row in rows]


DELETE_CODES = "delete from activation_codes where bucket = $1 and record_id = $2"


async def delete_codes(connection: Connection, record_id: UUID) -> int:
    """Of a record that is erased; returns how many."""
    done: str = await connection.execute(DELETE_CODES, bucket_of(record_id), record_id)
    return count_of(done)
