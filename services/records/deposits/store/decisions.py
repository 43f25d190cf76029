"""Statements that apply the decisions on deposited documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from services.records.facts.domain.documents import DepositorKind, DocumentLife, DocumentStatus
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in

COLUMNS: Final = """
       d.id, d.record_id, d.deposit_id, d.organisation_id, d.client_id, d.deposited_by, d.depositor_id, d.status,
       d.life, d.labels, d.masked_by, d.shown_to_representatives, d.replaces, d.received_at, d.changed_at"""
"""The columns of `documents d` that `PendingDocument` has."""
# A document that replaces another one changes its life: the record's row is locked first, as for every change of a
# document that may be visible. All records' rows are locked before the first document's.
LOCK_DOCUMENTS = f"""
with given as materialized (
  select d.bucket, d.id, d.replaces, d.record_id
  from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id)
  join documents d on d.bucket = wanted.bucket and d.id = wanted.id
), fenced as materialized (
  select locked.id
  from (
    select distinct record_id, bucket from given where replaces is not null order by record_id
  ) as replacing
  cross join lateral (
    select r.id from records r where r.bucket = replacing.bucket and r.id = replacing.record_id for update
  ) as locked
), wanted as materialized (
  select bucket, id from given union select bucket, replaces from given where replaces is not null
)
select {COLUMNS}
from (
  select wanted.bucket, wanted.id
  from (select count(*) from fenced) as counted(records) join wanted on counted.records >= 0
  order by wanted.id
) as sorted
cross join lateral (
  select {COLUMNS}
  from documents d where d.bucket = sorted.bucket and d.id = sorted.id for update
) as d"""  # noqa: S608  # a constant
RECORD_OUTCOMES = """
update documents d
set status = given.status, checked_at = given.checked_at, settled_at = $7, decision_id = given.decision_id,
    reason = given.reason, unique_id = case given.status when 'refused' then null else d.unique_id end,
    labels = string_to_array(given.labels, ' '), masked_by = given.masked_by,
    shown_to_representatives = given.shown_to_representatives
from unnest($1::integer[], $2::uuid[], $3::text[], $4::timestamptz[], $5::uuid[], $6::text[], $8::text[], $9::text[],
            $10::boolean[])
  as given(bucket, id, status, checked_at, decision_id, reason, labels, masked_by, shown_to_representatives)
where d.bucket = given.bucket and d.id = given.id and d.status = 'received'"""
SUPERSEDE_DOCUMENTS = """
update documents d set life = 'superseded', version = d.version + 1, changed_at = $3
from unnest($1::integer[], $2::uuid[]) as given(bucket, id)
where d.bucket = given.bucket and d.id = given.id"""


@dataclass(frozen=True, slots=True)
class PendingDocument:
    """A document on which consent has decided, or the document that such a one replaces."""

    id: UUID
    record_id: UUID
    deposit_id: UUID
    organisation_id: str
    client_id: str
    deposited_by: DepositorKind
    depositor_id: str | None
    status: DocumentStatus
    life: DocumentLife
    labels: tuple[str, ...]
    masked_by: str | None
    shown_to_representatives: bool
    replaces: UUID | None
    received_at: datetime
    changed_at: datetime | None


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """The outcome for a document: published or refused, with the labels that it then has.

    `masked_by`: who set the mask, None where it has none. `shown_to_representatives`: it replaces a document that was
    shown to them for ever.
    """

    document_id: UUID
    status: DocumentStatus
    checked_at: datetime
    decision_id: UUID
    reason: str
    labels: tuple[str, ...]
    masked_by: str | None
    shown_to_representatives: bool


async def lock_documents(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, PendingDocument]:
    """Locks these documents and those that they replace, in the order of ids; returns them by id.

    Before them it locks the rows of the records in which a document is replaced.
    """
    rows = await connection.fetch(LOCK_DOCUMENTS, _buckets(ids), ids)
    return {row["id"]: PendingDocument(**{**row, "labels": tuple(row["labels"])}) for row in rows}


async def record_outcomes(connection: Connection, outcomes: Sequence[DocumentOutcome], at: datetime) -> None:
    """Publishes or refuses received documents. A refused document gives its identifier free."""
    ids = [outcome.document_id for outcome in outcomes]
    await connection.execute(
        RECORD_OUTCOMES,
        _buckets(ids),
        ids,
        [outcome.status for outcome in outcomes],
        [outcome.checked_at for outcome in outcomes],
        [outcome.decision_id for outcome in outcomes],
        [outcome.reason for outcome in outcomes],
        at,
        [" ".join(outcome.labels) for outcome in outcomes],
        [outcome.masked_by for outcome in outcomes],
        [outcome.shown_to_representatives for outcome in outcomes],
    )


async def supersede_documents(connection: Connection, ids: Sequence[UUID], at: datetime) -> None:
    """Marks documents as superseded. Their rows must be locked."""
    await connection.execute(SUPERSEDE_DOCUMENTS, _buckets(ids), ids, at)


def _buckets(ids: Sequence[UUID]) -> list[int]:
    return [bucket_in(id) for id in ids]
