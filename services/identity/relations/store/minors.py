"""Holders under age: the month of their coming of age, and the contact that was their own."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from services.identity.kit.sealed_rows import Sealed
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

INSERT_MINOR = """
insert into minors (bucket, record_id, due_month) values ($1, $2, $3)
on conflict on constraint minors_pkey do nothing"""


async def insert_minor(connection: Connection, record_id: UUID, due: date) -> None:
    """Marks the holder as under age until a day of that month."""
    await connection.execute(INSERT_MINOR, bucket_of(record_id), record_id, due.replace(day=1))


IS_MINOR = "select exists (select from minors where bucket = $1 and record_id = $2)"


async def is_minor(connection: Connection, record_id: UUID) -> bool:
    """Returns whether the holder is marked as under age."""
    return bool(await connection.fetchval(IS_MINOR, bucket_of(record_id), record_id))


KEEP_OWN_CONTACT = """
update minors set own_key_id = $3, own_sealed = $4 where bucket = $1 and record_id = $2 and own_sealed is null"""
SELECT_OWN_CONTACT = "select own_key_id, own_sealed from minors where bucket = $1 and record_id = $2"


async def keep_own_contact(connection: Connection, record_id: UUID, sealed: Sealed) -> None:
    """Stores the holder's own contact for later. An earlier stored one stays."""
    await connection.execute(KEEP_OWN_CONTACT, bucket_of(record_id), record_id, sealed.key_id, sealed.data)


async def load_own_contact(connection: Connection, record_id: UUID) -> Sealed | None:
    """Returns the contact that `keep_own_contact` stored, or None."""
    row = await connection.fetchrow(SELECT_OWN_CONTACT, bucket_of(record_id), record_id)
    return None if row is None or row["own_sealed"] is None else Sealed(row["own_key_id"], row["own_sealed"])


FIND_DUE = """
select record_id from minors where due_month <= $1 and (looked_on is null or looked_on < $1)
order by due_month, looked_on nulls first limit $2"""
SET_LOOKED_ON = "update minors set looked_on = $3 where bucket = $1 and record_id = $2"


async def find_due(connection: Connection, today: date, limit: int) -> list[UUID]:
    """Returns holders who come of age this month, or should have before, and were not checked today."""
    return [row["record_id"] for row in await connection.fetch(FIND_DUE, today, limit)]


async def set_looked_on(connection: Connection, record_id: UUID, today: date) -> None:
    """Stores the day of the last check, so that the next one is at the earliest on the following day."""
    await connection.execute(SET_LOOKED_ON, bucket_of(record_id), record_id, today)


DELETE_MINORS = "delete from minors where (bucket, record_id) in (select * from unnest($1::integer[], $2::uuid[]))"


async def delete_minors(connection: Connection, record_ids: Sequence[UUID]) -> None:
    """Deletes the rows of holders who are of age or erased."""
    await connection.execute(DELETE_MINORS, [bucket_of(record_id) for record_id in record_ids], list(record_ids))
