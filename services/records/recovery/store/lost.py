"""Documents whose deposit the database has lost: shown to their depositors, and listed for operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentEvent
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, made_at, now

# The lost deposit stays in the list of the organisation's deposits.
INSERT_LOST = """
with given as materialized (
  select bucket, document_id, deposit_id, record_id, organisation_id, received_at
  from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::timestamptz[])
    as given(bucket, document_id, deposit_id, record_id, organisation_id, received_at)
), listed as (
  insert into organisation_deposits (organisation_id, deposit_id)
  select distinct organisation_id, deposit_id from given order by organisation_id, deposit_id
  on conflict do nothing
)
insert into lost_documents (bucket, document_id, deposit_id, record_id, organisation_id, received_at)
select bucket, document_id, deposit_id, record_id, organisation_id, received_at from given
order by bucket, document_id
on conflict on constraint lost_documents_pkey do nothing
returning document_id"""
LIST_LOST = """
select deposit_id, organisation_id, min(received_at) as received_at, min(found_at) as found_at, count(*) as documents
from lost_documents group by deposit_id, organisation_id order by deposit_id desc limit $1"""
DELETE_LOST = """
with gone as (
  delete from lost_documents where bucket = $1 and record_id = $2 returning organisation_id, deposit_id
), unlisted as (
  delete from organisation_deposits o using gone
  where o.organisation_id = gone.organisation_id and o.deposit_id = gone.deposit_id
)
select count(*) from gone"""


@dataclass(frozen=True, slots=True)
class LostDeposit:
    """An accepted deposit that the database has lost. `documents`: how many it had."""

    deposit_id: UUID
    organisation_id: str
    received_at: datetime
    found_at: datetime
    documents: int


async def insert_lost(connection: Connection, events: Sequence[DepositDecided | DocumentEvent]) -> set[UUID]:
    """Records lost documents, named by one event each; returns the ids of those not recorded before."""
    rows = await connection.fetch(
        INSERT_LOST,
        [bucket_in(event.document_id) for event in events],
        [event.document_id for event in events],
        [event.deposit_id for event in events],
        [event.record_id for event in events],
        [event.organisation_id for event in events],
        [made_at(event.deposit_id) or now() for event in events],
    )
    return {row["document_id"] for row in rows}


async def list_lost(connection: Connection, limit: int) -> list[LostDeposit]:
    """Returns lost deposits, the latest first."""
    return [LostDeposit(**row) for row in await connection.fetch(LIST_LOST, limit)]


async def delete_lost(connection: Connection, bucket: int, record_id: UUID) -> int:
    """Deletes the lost documents of an erased record; returns how many there were."""
    count: int = await connection.fetchval(DELETE_LOST, bucket, record_id)
    return count
