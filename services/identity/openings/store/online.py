"""Online openings in progress."""

from datetime import datetime
from uuid import UUID

import asyncpg

from services.identity.kit.sealed_rows import Sealed
from services.identity.openings.domain.online import OnlineOpening
from shared.db.pool import Connection

INSERT_OPENING = """
insert into online_openings (id, key_id, sealed, created_at, expires_at) values ($1, $2, $3, $4, $5)"""


async def insert_opening(
    connection: Connection, opening_id: UUID, sealed: Sealed, now: datetime, expires_at: datetime
) -> None:
    """Inserts a request; whether a code is sent is decided later."""
    await connection.execute(INSERT_OPENING, opening_id, sealed.key_id, sealed.data, now, expires_at)


LOCK_UNDECIDED = """
select id, key_id, sealed, code_hash, expires_at from online_openings
where status = 'asked' and expires_at > $1 order by created_at limit $2 for update skip locked"""


async def lock_undecided(connection: Connection, now: datetime, limit: int) -> list[OnlineOpening]:
    """Returns the next undecided requests, locked until the transaction ends."""
    return [_opening(row) for row in await connection.fetch(LOCK_UNDECIDED, now, limit)]


SET_CODE = """
update online_openings set status = case when $2::text is null then 'withheld' else 'sent' end, code_hash = $2
where id = $1"""


async def set_code(connection: Connection, opening_id: UUID, code_hash: str | None) -> None:
    """Stores the hash of the code sent; None: no code will be sent."""
    await connection.execute(SET_CODE, opening_id, code_hash)


SET_REQUEST = "update online_openings set key_id = $2, sealed = $3 where id = $1"


async def set_request(connection: Connection, opening_id: UUID, sealed: Sealed) -> None:
    """Replaces the request, which then has the contact that receives the code."""
    await connection.execute(SET_REQUEST, opening_id, sealed.key_id, sealed.data)


TRY_OPENING = """
update online_openings set tries = tries + 1
where id = $1 and status in ('asked', 'sent', 'withheld') and tries < $3 and expires_at > $2
returning id, key_id, sealed, code_hash, expires_at"""


async def try_opening(connection: Connection, opening_id: UUID, now: datetime, most_tries: int) -> OnlineOpening | None:
    """Counts one more attempt and returns the opening, locked until the transaction ends; None when no attempt is
    left."""
    row = await connection.fetchrow(TRY_OPENING, opening_id, now, most_tries)
    return None if row is None else _opening(row)


SET_PROVED = """
update online_openings set status = 'proved', code_hash = null, ticket_hash = $2 where id = $1"""


async def set_proved(connection: Connection, opening_id: UUID, ticket_hash: str) -> None:
    """Replaces the code, which was right, by the ticket."""
    await connection.execute(SET_PROVED, opening_id, ticket_hash)


LOCK_PROVED = """
select id, key_id, sealed, code_hash, expires_at from online_openings
where id = $1 and status = 'proved' and ticket_hash = any($2::text[]) and expires_at > $3 for update"""


async def lock_proved(
    connection: Connection, opening_id: UUID, ticket_hashes: list[str], now: datetime
) -> OnlineOpening | None:
    """Returns the opening of a ticket, locked until the transaction ends, or None."""
    row = await connection.fetchrow(LOCK_PROVED, opening_id, ticket_hashes, now)
    return None if row is None else _opening(row)


SELECT_PROVED = """
select id, key_id, sealed, code_hash, expires_at from online_openings
where id = $1 and status = 'proved' and ticket_hash = any($2::text[]) and expires_at > $3"""


async def load_proved(
    connection: Connection, opening_id: UUID, ticket_hashes: list[str], now: datetime
) -> OnlineOpening | None:
    """Returns the opening of a ticket without a lock, or None."""
    row = await connection.fetchrow(SELECT_PROVED, opening_id, ticket_hashes, now)
    return None if row is None else _opening(row)


SET_USED = "update online_openings set status = 'used', ticket_hash = null, sealed = '' where id = $1"


async def set_used(connection: Connection, opening_id: UUID) -> None:
    """Marks the opening as used and deletes the request: the record is open."""
    await connection.execute(SET_USED, opening_id)


SWEEP_OPENINGS = """
delete from online_openings where id in (select id from online_openings where expires_at < $1 limit $2)"""


def _opening(row: asyncpg.Record) -> OnlineOpening:
    return OnlineOpening(row["id"], Sealed(row["key_id"], row["sealed"]), row["code_hash"], row["expires_at"])
