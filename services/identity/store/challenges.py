"""Challenges: codes that were asked of somebody and not given yet."""

from datetime import datetime
from uuid import UUID

import asyncpg

from services.identity.domain.codes import Challenge, Purpose
from services.identity.domain.sealing import Sealed
from shared.db.pool import Connection

INSERT_CHALLENGE = """
insert into challenges (id, purpose, record_id, codes, tries_left, expires_at, key_id, sealed)
values ($1, $2, $3, $4, $5, $6, $7, $8)"""


async def insert_challenge(connection: Connection, new: Challenge, tries: int) -> None:
    """A challenge that may be tried so often."""
    key_id, sealed = (None, None) if new.detail is None else (new.detail.key_id, new.detail.data)
    await connection.execute(
        INSERT_CHALLENGE, new.id, new.purpose, new.record_id, new.codes, tries, new.expires_at, key_id, sealed
    )


COUNT_UNANSWERED = """
select count(*) from challenges where record_id = $1 and used_at is null and expires_at > $2"""


async def count_unanswered(connection: Connection, record_id: UUID, now: datetime) -> int:
    """How many challenges of a record can still be answered or were given up."""
    number: int = await connection.fetchval(COUNT_UNANSWERED, record_id, now)
    return number


LAST_UNANSWERED = """
select id, purpose, record_id, codes, expires_at, key_id, sealed from challenges
where record_id = $1 and purpose = $2 and used_at is null and expires_at > $3
order by expires_at desc limit 1"""


async def last_unanswered(connection: Connection, record_id: UUID, purpose: Purpose, now: datetime) -> Challenge | None:
    """The one of that purpose whose codes are taken longest."""
    return _challenge(await connection.fetchrow(LAST_UNANSWERED, record_id, purpose, now))


SELECT_CHALLENGE = """
select id, purpose, record_id, codes, expires_at, key_id, sealed from challenges
where id = $1 and purpose = $2 and used_at is null and tries_left > 0 and expires_at > $3"""


async def load_challenge(connection: Connection, id: UUID, purpose: Purpose, now: datetime) -> Challenge | None:
    """A challenge that can still be answered."""
    return _challenge(await connection.fetchrow(SELECT_CHALLENGE, id, purpose, now))


TRY_CHALLENGE = """
update challenges set tries_left = tries_left - 1
where id = $1 and purpose = $2 and used_at is null and tries_left > 0 and expires_at > $3
returning id, purpose, record_id, codes, expires_at, key_id, sealed"""


async def try_challenge(connection: Connection, id: UUID, purpose: Purpose, now: datetime) -> Challenge | None:
    """The challenge, with one try less; nobody else tries it until the transaction ends."""
    return _challenge(await connection.fetchrow(TRY_CHALLENGE, id, purpose, now))


USE_CHALLENGE = "update challenges set used_at = $2 where id = $1 and used_at is null returning id"


async def use_challenge(connection: Connection, id: UUID, now: datetime) -> bool:
    """Whether this is its first use."""
    return await connection.fetchval(USE_CHALLENGE, id, now) is not None


END_CHALLENGES = "update challenges set used_at = $2 where record_id = $1 and used_at is null"


async def end_challenges(connection: Connection, record_id: UUID, now: datetime) -> None:
    """What was asked before the credentials changed can no longer be answered."""
    await connection.execute(END_CHALLENGES, record_id, now)


DELETE_CHALLENGES = "delete from challenges where record_id = $1 returning id"


async def delete_challenges_of(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Destroys the challenges of a record; returns how many of what."""
    return {"challenges": len(await connection.fetch(DELETE_CHALLENGES, record_id))}


SWEEP_CHALLENGES = """
delete from challenges where id in (select id from challenges where expires_at < $1 order by expires_at limit $2)"""


def _challenge(row: asyncpg.Record | None) -> Challenge | None:
    if row is None:
        return None
    detail = None if row["sealed"] is None else Sealed(row["key_id"], row["sealed"])
    return Challenge(row["id"], row["purpose"], row["record_id"], tuple(row["codes"]), row["expires_at"], detail)
