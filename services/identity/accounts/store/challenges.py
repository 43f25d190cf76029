"""Challenges: codes that were requested of a person and are to be given back."""

from datetime import datetime
from uuid import UUID

import asyncpg

from services.identity.accounts.domain.codes import Challenge, Purpose
from services.identity.kit.sealed_rows import Sealed
from shared.db.pool import Connection

INSERT_CHALLENGE = """
insert into challenges (id, purpose, record_id, codes, tries_left, expires_at, key_id, sealed)
values ($1, $2, $3, $4, $5, $6, $7, $8)"""


async def insert_challenge(connection: Connection, challenge: Challenge, attempts: int) -> None:
    """Inserts a challenge that allows that many attempts."""
    key_id, sealed = (None, None) if challenge.detail is None else (challenge.detail.key_id, challenge.detail.data)
    await connection.execute(
        INSERT_CHALLENGE,
        challenge.id,
        challenge.purpose,
        challenge.record_id,
        challenge.codes,
        attempts,
        challenge.expires_at,
        key_id,
        sealed,
    )


COUNT_UNANSWERED = """
select count(*) from challenges where record_id = $1 and used_at is null and expires_at > $2"""


async def count_unanswered(connection: Connection, record_id: UUID, now: datetime) -> int:
    """Returns how many unexpired challenges of a record have not been answered."""
    number: int = await connection.fetchval(COUNT_UNANSWERED, record_id, now)
    return number


LAST_UNANSWERED = """
select id, purpose, record_id, codes, expires_at, key_id, sealed from challenges
where record_id = $1 and purpose = $2 and used_at is null and expires_at > $3
order by expires_at desc limit 1"""


async def load_last_unanswered(
    connection: Connection, record_id: UUID, purpose: Purpose, now: datetime
) -> Challenge | None:
    """Returns the unanswered challenge of that purpose that expires last, or None."""
    return _challenge(await connection.fetchrow(LAST_UNANSWERED, record_id, purpose, now))


SELECT_CHALLENGE = """
select id, purpose, record_id, codes, expires_at, key_id, sealed from challenges
where id = $1 and purpose = $2 and used_at is null and tries_left > 0 and expires_at > $3"""


async def load_challenge(connection: Connection, id: UUID, purpose: Purpose, now: datetime) -> Challenge | None:
    """Returns a challenge that can still be answered, or None."""
    return _challenge(await connection.fetchrow(SELECT_CHALLENGE, id, purpose, now))


SPEND_ATTEMPT = """
update challenges set tries_left = tries_left - 1
where id = $1 and purpose = $2 and used_at is null and tries_left > 0 and expires_at > $3
returning id, purpose, record_id, codes, expires_at, key_id, sealed"""


async def spend_attempt(connection: Connection, id: UUID, purpose: Purpose, now: datetime) -> Challenge | None:
    """Uses up one attempt and returns the challenge, locked until the transaction ends; None when it cannot be
    answered."""
    return _challenge(await connection.fetchrow(SPEND_ATTEMPT, id, purpose, now))


USE_CHALLENGE = "update challenges set used_at = $2 where id = $1 and used_at is null returning id"


async def use_challenge(connection: Connection, id: UUID, now: datetime) -> bool:
    """Marks a challenge as used. Returns False when it was used before."""
    return await connection.fetchval(USE_CHALLENGE, id, now) is not None


END_CHALLENGES = "update challenges set used_at = $2 where record_id = $1 and used_at is null"


async def end_challenges(connection: Connection, record_id: UUID, now: datetime) -> None:
    """Ends all open challenges of a record, after its credentials have changed."""
    await connection.execute(END_CHALLENGES, record_id, now)


DELETE_CHALLENGES = "delete from challenges where record_id = $1 returning id"


async def delete_challenges_of(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the challenges of a record. Returns the number of deleted rows per table."""
    return {"challenges": len(await connection.fetch(DELETE_CHALLENGES, record_id))}


SWEEP_CHALLENGES = """
delete from challenges where id in (select id from challenges where expires_at < $1 order by expires_at limit $2)"""


def _challenge(row: asyncpg.Record | None) -> Challenge | None:
    if row is None:
        return None
    detail = None if row["sealed"] is None else Sealed(row["key_id"], row["sealed"])
    return Challenge(row["id"], row["purpose"], row["record_id"], tuple(row["codes"]), row["expires_at"], detail)
