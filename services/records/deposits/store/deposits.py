"""Statements about deposits: find the record, insert the deposit, apply the decision on each document."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from services.records.documents.domain.metadata import DepositorKind, DocumentLife, DocumentStatus, RecordCopy
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.messaging.outbox.append import Announcement, call_relay, inserting, parameters
from shared.runtime.clock import bucket_in, bucket_of

# The bucket of a fingerprint is not known yet; the row has it for the rest.
FIND_RECORD = """
select r.bucket, r.id, r.version, r.status, r.traits, k.kid, k.wrapped
from record_fingerprints f
join records r on r.bucket = f.bucket and r.id = f.record_id
join record_keys k on k.bucket = f.bucket and k.record_id = f.record_id
where f.ins = any($1::text[])"""
FIND_RECORD_BY_ID = """
select r.bucket, r.id, r.version, r.status, r.traits, k.kid, k.wrapped
from records r join record_keys k on k.bucket = $1 and k.record_id = r.id
where r.bucket = $1 and r.id = $2"""
# The share lock on the record's row is the fence against an erasure: without the row, nothing is inserted. If not all
# documents are new, only the new rows of documents are inserted, and nothing is announced. The statement inserts the
# combinations of new documents itself: the trigger that follows later changes would cost a quarter of its time.
INSERT_DEPOSIT = f"""
with fence as materialized (
  select id as record_id from records where bucket = $1 and id = $2 for key share
), came as (
  select ordinality, id, unique_id, fingerprint, type, class_code, section, string_to_array(labels, ' ') as labels,
         array(select jsonb_array_elements_text(author_ids)) as author_ids, metadata, content, in_secret, replaces,
         chain_id
  from unnest($7::uuid[], $8::bytea[], $9::bytea[], $10::text[], $11::text[], $12::text[], $13::text[], $14::jsonb[],
              $15::bytea[], $16::bytea[], $20::boolean[], $21::uuid[], $22::uuid[]) with ordinality
    as given(id, unique_id, fingerprint, type, class_code, section, labels, author_ids, metadata, content, in_secret,
             replaces, chain_id, ordinality)
), new_documents as (
  insert into documents (bucket, id, record_id, deposit_id, unique_id, fingerprint, type, class_code, section, labels,
                         organisation_id, client_id, author_ids, received_at, deposited_by, depositor_id, in_secret,
                         replaces, chain_id)
  select $1, id, record_id, $3, unique_id, fingerprint, type, class_code, section, labels, $4, $5, author_ids, $6,
         $18, $19, in_secret, replaces, chain_id
  from came cross join fence order by unique_id
  on conflict on constraint documents_bucket_record_id_unique_id_key do nothing
  returning id, author_ids,
            document_facts(status, life, archived, type, class_code, section, labels, masked_by,
                           shown_to_representatives, deposited_by, in_secret) as facts
), new_combinations as (
  insert into document_combinations (bucket, record_id, document_id, combination_id, organisation_id, author_ids,
                                     depositor_id)
  select $1, $2, id, combination_of(facts), $4, author_ids, $19 from new_documents
  returning document_id
), counted as materialized (
  select record_id, (select count(*) from new_combinations) as documents from fence
), whole as materialized (
  select record_id from counted where documents = cardinality($7)
), new_contents as (
  insert into contents (bucket, document_id, metadata, content)
  select $1, id, metadata, content from came cross join whole
), new_deposit as (
  insert into deposits (bucket, id, record_id, organisation_id, client_id, document_ids, received_at)
  select $1, $3, record_id, $4, $5, $7, $6 from whole
), new_request as (
  insert into deposit_requests (bucket, deposit_id, body) select $1, $3, $17 from whole
), listed as (
  insert into organisation_deposits (organisation_id, deposit_id) select $4, $3 from whole
), {inserting(23, "whole")}
select documents from counted"""  # noqa: S608  # a constant
SELECT_EARLIER = """
select id, deposit_id, unique_id, fingerprint from documents
where bucket = $1 and record_id = $2 and unique_id = any($3::bytea[])"""
COUNT_OF_DEPOSIT = "select cardinality(document_ids) from deposits where bucket = $1 and id = $2"
# A document that replaces another one changes its life: the record's row is locked first, as for every change of a
# document that may be visible. All records' rows are locked before the first document's.
LOCK_DOCUMENTS = """
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
select locked.id, locked.record_id, locked.deposit_id, locked.organisation_id, locked.client_id, locked.deposited_by,
       locked.depositor_id, locked.status, locked.life, locked.labels, locked.masked_by,
       locked.shown_to_representatives, locked.replaces, locked.received_at, locked.changed_at
from (
  select wanted.bucket, wanted.id
  from (select count(*) from fenced) as counted(records) join wanted on counted.records >= 0
  order by wanted.id
) as sorted
cross join lateral (
  select d.id, d.record_id, d.deposit_id, d.organisation_id, d.client_id, d.deposited_by, d.depositor_id, d.status,
         d.life, d.labels, d.masked_by, d.shown_to_representatives, d.replaces, d.received_at, d.changed_at
  from documents d where d.bucket = sorted.bucket and d.id = sorted.id for update
) as locked"""
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
class NewDocument:
    """A document ready to be stored. `metadata` and `content` are sealed.

    `replaces`: the document that it replaces; `chain_id`: the first version of that one.
    """

    id: UUID
    unique_id: bytes
    fingerprint: bytes
    type: str
    class_code: str
    section: str
    labels: tuple[str, ...]
    author_ids: list[str]
    metadata: bytes
    content: bytes
    in_secret: bool = False
    replaces: UUID | None = None
    chain_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewDeposit:
    """A deposit ready to be stored. `request` is sealed.

    `organisation_id`: who may follow it (`Depositor.owner`). `depositor_id`: the person who deposits, None for
    software.
    """

    id: UUID
    record_id: UUID
    organisation_id: str
    client_id: str
    received_at: datetime
    documents: tuple[NewDocument, ...]
    request: bytes
    deposited_by: DepositorKind
    depositor_id: str | None


@dataclass(frozen=True, slots=True)
class EarlierDocument:
    """A stored document that already has the identifier of a new one."""

    id: UUID
    deposit_id: UUID
    fingerprint: bytes


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


async def find_record(connection: Connection, ins_fingerprints: Sequence[str]) -> RecordCopy | None:
    """Returns the record that has one of these INS fingerprints, None if there is none."""
    return _record_copy(await connection.fetchrow(FIND_RECORD, ins_fingerprints))


async def find_record_by_id(connection: Connection, record_id: UUID) -> RecordCopy | None:
    """Returns the record with this id, None if there is none."""
    return _record_copy(await connection.fetchrow(FIND_RECORD_BY_ID, bucket_of(record_id), record_id))


def _record_copy(row: asyncpg.Record | None) -> RecordCopy | None:
    if row is None:
        return None
    return RecordCopy(
        bucket=row["bucket"],
        id=row["id"],
        version=row["version"],
        status=row["status"],
        traits=orjson.loads(row["traits"]),
        key=WrappedKey(row["kid"], row["wrapped"]),
    )


async def insert_deposit(
    connection: Connection, deposit: NewDeposit, announcements: Sequence[Announcement]
) -> int | None:
    """Inserts and announces a deposit; returns how many of its documents are new, None if the record no longer exists.

    If only some documents are new, the caller must roll back. If none is, or there is no record, nothing was written.
    """
    documents = deposit.documents
    count: int | None = await connection.fetchval(
        INSERT_DEPOSIT,
        bucket_of(deposit.record_id),
        deposit.record_id,
        deposit.id,
        deposit.organisation_id,
        deposit.client_id,
        deposit.received_at,
        [document.id for document in documents],
        [document.unique_id for document in documents],
        [document.fingerprint for document in documents],
        [document.type for document in documents],
        [document.class_code for document in documents],
        [document.section for document in documents],
        [" ".join(document.labels) for document in documents],
        [orjson.dumps(document.author_ids).decode() for document in documents],
        [document.metadata for document in documents],
        [document.content for document in documents],
        deposit.request,
        deposit.deposited_by,
        deposit.depositor_id,
        [document.in_secret for document in documents],
        [document.replaces for document in documents],
        [document.chain_id for document in documents],
        *parameters(announcements),
    )
    call_relay(connection, announcements)
    return count


async def find_earlier(
    connection: Connection, record_id: UUID, unique_ids: Sequence[bytes]
) -> dict[bytes, EarlierDocument]:
    """Returns the documents of the record with these identifiers, by identifier; refused documents have none."""
    rows = await connection.fetch(SELECT_EARLIER, bucket_of(record_id), record_id, unique_ids)
    return {row["unique_id"]: EarlierDocument(row["id"], row["deposit_id"], row["fingerprint"]) for row in rows}


async def count_documents(connection: Connection, deposit_id: UUID) -> int:
    """Returns how many documents a deposit has."""
    count: int = await connection.fetchval(COUNT_OF_DEPOSIT, bucket_in(deposit_id), deposit_id)
    return count


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
