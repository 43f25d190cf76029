"""Stores and reads the tracking of deposits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import asyncpg

from services.records.facts.domain.documents import (
    DocumentStatus,
    FactsState,
    StoredFactsState,
    disclosed_reason,
)
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in

TRACK_DOCUMENTS = """
with given as materialized (
  select bucket, id, audited_at, alert_handled_at
  from unnest($1::integer[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
    as given(bucket, id, audited_at, alert_handled_at)
), locked as materialized (
  select taken.bucket, taken.id
  from (select bucket, id from given order by id) as sorted
  cross join lateral (
    select d.bucket, d.id from documents d where d.bucket = sorted.bucket and d.id = sorted.id for update
  ) as taken
)
update documents d
set audited_at = coalesce(d.audited_at, given.audited_at),
    alert_handled_at = coalesce(d.alert_handled_at, given.alert_handled_at)
from locked join given using (bucket, id)
where d.bucket = locked.bucket and d.id = locked.id
returning d.id"""
COLUMNS: Final = """
       p.id as deposit_id, p.received_at as deposit_received_at, d.id, d.status, d.received_at, d.checked_at,
       d.settled_at, d.reason, d.audited_at, d.alert_handled_at,
       d.facts_state, d.facts_reason, array_position(p.document_ids, d.id) as place"""
LOST_COLUMNS: Final = """
       l.deposit_id, l.received_at, l.document_id, 'lost', l.received_at, null, null, null, null, null, null, null,
       null"""
"""The tracking columns of a document in `lost_documents l`."""
SELECT_DEPOSIT = f"""
select {COLUMNS}
from deposits p
join documents d on d.bucket = $1 and d.id = any(p.document_ids)
where p.bucket = $1 and p.id = $2 and p.organisation_id = $3
  and not exists (select from erased_records e where e.record_id = p.record_id)
union all
select {LOST_COLUMNS}
from lost_documents l where l.bucket = $1 and l.deposit_id = $2 and l.organisation_id = $3
order by place, id"""  # noqa: S608  # a constant
# An organisation deposits in any record: this table is keyed by the organisation, and the deposit ids name the buckets.
LIST_DEPOSITS = """
select deposit_id from organisation_deposits
where organisation_id = $1 and deposit_id >= $2 and deposit_id > $3 order by deposit_id limit $4"""
SELECT_DEPOSITS = f"""
select {COLUMNS}
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id)
join deposits p on p.bucket = wanted.bucket and p.id = wanted.id
join documents d on d.bucket = p.bucket and d.id = any(p.document_ids)
where not exists (select from erased_records e where e.record_id = p.record_id)
union all
select {LOST_COLUMNS}
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id)
join lost_documents l on l.bucket = wanted.bucket and l.deposit_id = wanted.id
order by deposit_id, place, id"""  # noqa: S608  # a constant


TrackedStatus = DocumentStatus | Literal["lost"]
"""`lost`: accepted, and then lost with commits of the database; the depositor deposits it again."""


@dataclass(frozen=True, slots=True)
class TrackedDocument:
    """The progress of a document: None where a step has not happened yet."""

    id: UUID
    status: TrackedStatus
    received_at: datetime
    checked_at: datetime | None
    settled_at: datetime | None
    reason: str | None
    audited_at: datetime | None
    alert_handled_at: datetime | None
    stored_facts: StoredFactsState | None
    facts_reason: str | None

    @property
    def facts(self) -> FactsState | None:
        """What became of reading the facts; None of a document that is not published."""
        return (self.stored_facts or "pending") if self.status == "published" else None

    @property
    def disclosed_reason(self) -> str | None:
        """The reason of a refusal, as far as the depositor may know it."""
        return disclosed_reason(self.reason) if self.status == "refused" and self.reason else None


@dataclass(frozen=True, slots=True)
class TrackedDeposit:
    """The progress of a deposit; its documents in the order of the submission."""

    id: UUID
    received_at: datetime
    documents: tuple[TrackedDocument, ...]

    @property
    def is_decided(self) -> bool:
        """Returns whether every document is published, refused or lost."""
        return all(document.status != "received" for document in self.documents)


@dataclass(frozen=True, slots=True)
class DepositPage:
    """A page of deposits, oldest first. `after`: where the next page begins; None on the last."""

    deposits: tuple[TrackedDeposit, ...]
    after: UUID | None


async def track_documents(
    connection: Connection, audited: Mapping[UUID, datetime], alerted: Mapping[UUID, datetime]
) -> set[UUID]:
    """Writes when the ledger recorded each document and when its alert was handled; the first time counts.

    Returns the ids of the documents that are here.
    """
    ids = sorted(audited.keys() | alerted.keys())
    buckets = [bucket_in(id) for id in ids]
    audited_at, alerted_at = [audited.get(id) for id in ids], [alerted.get(id) for id in ids]
    rows = await connection.fetch(TRACK_DOCUMENTS, buckets, ids, audited_at, alerted_at)
    return {row["id"] for row in rows}


async def find_deposit(connection: Connection, organisation_id: str, deposit_id: UUID) -> TrackedDeposit | None:
    """Returns one deposit of the organisation, None if it has no such deposit."""
    rows = await connection.fetch(SELECT_DEPOSIT, bucket_in(deposit_id), deposit_id, organisation_id)
    return next(iter(_tracked_deposits(rows)), None)


async def list_deposits(
    connection: Connection, organisation_id: str, *, since: UUID, after: UUID, limit: int
) -> DepositPage:
    """Returns the organisation's deposits from the id `since` on and after the id `after`.

    Deposits of records that are being erased are left out: the page is then shorter than the limit.
    """
    listed = await connection.fetch(LIST_DEPOSITS, organisation_id, since, after, limit + 1)
    ids = [row["deposit_id"] for row in listed[:limit]]
    rows = await connection.fetch(SELECT_DEPOSITS, [bucket_in(id) for id in ids], ids) if ids else []
    return DepositPage(tuple(_tracked_deposits(rows)), ids[-1] if len(listed) > limit else None)


def _tracked_deposits(rows: Iterable[asyncpg.Record]) -> list[TrackedDeposit]:
    received: dict[UUID, datetime] = {}
    documents: dict[UUID, list[TrackedDocument]] = {}
    for row in rows:
        received[row["deposit_id"]] = row["deposit_received_at"]
        documents.setdefault(row["deposit_id"], []).append(
            TrackedDocument(
                row["id"],
                row["status"],
                row["received_at"],
                row["checked_at"],
                row["settled_at"],
                row["reason"],
                row["audited_at"],
                row["alert_handled_at"],
                row["facts_state"],
                row["facts_reason"],
            )
        )
    return [TrackedDeposit(id, received[id], tuple(tracked)) for id, tracked in documents.items()]
