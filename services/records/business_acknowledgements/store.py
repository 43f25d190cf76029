"""The queue of business acknowledgements: those that wait, and those that were given up, with the reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from services.records.business_acknowledgements.domain import DueAcknowledgement, NewAcknowledgement
from shared.db.pool import Connection

INSERT_ACKNOWLEDGEMENT = """
insert into business_acknowledgements
  (id, client_id, organisation_id, deposit_id, header, control_id, codec, created_at, due_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $8)"""


async def insert_acknowledgement(connection: Connection, new: NewAcknowledgement, now: datetime) -> None:
    """Queues a business acknowledgement, due at once."""
    values = (new.id, new.client_id, new.organisation_id, new.deposit_id, new.header, new.control_id, new.codec)
    await connection.execute(INSERT_ACKNOWLEDGEMENT, *values, now)


MOST_OF_A_CLIENT: Final = 4
"""How many of one client are taken at once, so that a listener that is slow delays no other."""
# Two workers may choose the same rows: the second waits for the first, whose rows are then not due any more.
TAKE_DUE = """
with due as materialized (
  select id, client_id, due_at from business_acknowledgements
  where failed_at is null and due_at <= $1 order by due_at limit 1000
), ranked as (
  select id, due_at, row_number() over (partition by client_id order by due_at, id) as place from due
)
update business_acknowledgements queued set due_at = $2
where queued.id in (select id from ranked where place <= $3 order by due_at limit $4)
  and queued.failed_at is null and queued.due_at <= $1
returning id, client_id, organisation_id, deposit_id, header, control_id, codec, created_at, attempts, tried_since"""


async def take_due(connection: Connection, now: datetime, held_for: timedelta, limit: int) -> list[DueAcknowledgement]:
    """Returns those that have been due longest; nobody else takes them for `held_for`."""
    rows = await connection.fetch(TAKE_DUE, now, now + held_for, MOST_OF_A_CLIENT, limit)
    return [_due(row) for row in rows]


POSTPONE = "update business_acknowledgements set due_at = $2 where id = $1"


async def postpone(connection: Connection, id: UUID, due_at: datetime) -> None:
    """Looks at one again later: its deposit is not decided yet."""
    await connection.execute(POSTPONE, id, due_at)


DEFER = """
update business_acknowledgements
set attempts = attempts + 1, reason = $2, due_at = $3, tried_since = coalesce(tried_since, $4) where id = $1"""


async def defer(connection: Connection, id: UUID, reason: str, due_at: datetime, now: datetime) -> None:
    """Stores an attempt that failed, and when the next one is."""
    await connection.execute(DEFER, id, reason, due_at, now)


DELETE = "delete from business_acknowledgements where id = $1"


async def delete(connection: Connection, id: UUID) -> None:
    """Removes one that was sent, or whose deposit is no more."""
    await connection.execute(DELETE, id)


GIVE_UP = """
update business_acknowledgements set attempts = attempts + 1, reason = $2, failed_at = $3 where id = $1"""


async def give_up(connection: Connection, id: UUID, reason: str, now: datetime) -> None:
    """Keeps one that is not tried again, with the reason, for operators to see."""
    await connection.execute(GIVE_UP, id, reason, now)


COUNT = """
select count(*) filter (where failed_at is null) as waiting, count(*) filter (where failed_at is not null) as failed
from business_acknowledgements"""


async def count(connection: Connection) -> dict[str, int]:
    """Counts those that wait, and those that were given up."""
    row = await connection.fetchrow(COUNT)
    assert row is not None, "counts are one row"
    return dict(row)


LIST_FAILED = """
select id, client_id, organisation_id, control_id, reason, attempts, created_at, failed_at
from business_acknowledgements where failed_at is not null order by failed_at desc limit $1"""


@dataclass(frozen=True, slots=True)
class FailedAcknowledgement:
    """One that was given up. `control_id`: MSH-10 of the message that it would have acknowledged."""

    id: UUID
    client_id: str
    organisation_id: str
    control_id: str
    reason: str
    attempts: int
    created_at: datetime
    failed_at: datetime


async def list_failed(connection: Connection, limit: int) -> list[FailedAcknowledgement]:
    """Returns those that were given up, the latest first."""
    return [FailedAcknowledgement(**row) for row in await connection.fetch(LIST_FAILED, limit)]


FORGET_FAILED = """
delete from business_acknowledgements where id in (
  select id from business_acknowledgements where failed_at < $1 order by failed_at limit $2)"""


async def forget_failed(connection: Connection, before: datetime, limit: int) -> None:
    """Deletes some of those that were given up before this moment."""
    await connection.execute(FORGET_FAILED, before, limit)


def _due(row: asyncpg.Record) -> DueAcknowledgement:
    names = ("id", "client_id", "organisation_id", "deposit_id", "header", "control_id", "codec")
    new = NewAcknowledgement(**{name: row[name] for name in names})
    return DueAcknowledgement(new, row["created_at"], row["attempts"], row["tried_since"])
