"""Deposits: finding the record, keeping what came, settling it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from services.records.domain.documents import Depositor, DocumentLife, DocumentStatus, KnownRecord
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.messaging.outbox.append import Announcement, call_relay, inserting, parameters
from shared.runtime.clock import bucket_in, bucket_of

# By fingerprint the bucket is not known yet; the row that is found names it for the rest.
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
# The share of the record's row is the fence against an erasure: where the row is gone, nothing is kept. Where not all
# documents are new, nothing beside those that are is kept or announced. A new document's combination of facts is
# written here: by the trigger that follows later changes, it would cost a quarter of the whole statement.
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
# A document that takes another's place changes the life of that one: the record's row is taken first, as by everyone
# who changes a document that may be visible. All of those rows are taken before the first document's.
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
SETTLE_DOCUMENTS = """
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
    """A document ready to be kept. `metadata` and `content` are sealed.

    `replaces`: whose place it is to take; `chain_id`: the first version of that one.
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
    """A submission ready to be kept. `request` is sealed. `organisation_id`: by whom it is followed.

    `depositor_id`: which person deposits, where it is not software by itself.
    """

    id: UUID
    record_id: UUID
    organisation_id: str
    client_id: str
    received_at: datetime
    documents: tuple[NewDocument, ...]
    request: bytes
    deposited_by: Depositor
    depositor_id: str | None


@dataclass(frozen=True, slots=True)
class Earlier:
    """A document that already goes by an identifier."""

    id: UUID
    deposit_id: UUID
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Undecided:
    """A document that a decision is about, or whose place one takes that a decision is about."""

    id: UUID
    record_id: UUID
    deposit_id: UUID
    organisation_id: str
    client_id: str
    deposited_by: Depositor
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
class Settlement:
    """What becomes of a document; `labels` and whose mask is among them, if one is.

    `shown_to_representatives`: it takes the place of one that was shown to them for ever.
    """

    document_id: UUID
    status: DocumentStatus
    checked_at: datetime
    decision_id: UUID
    reason: str
    labels: tuple[str, ...]
    masked_by: str | None
    shown_to_representatives: bool


async def find_record(connection: Connection, ins_fingerprints: Sequence[str]) -> KnownRecord | None:
    """The record that one of these fingerprints stands for."""
    return _known(await connection.fetchrow(FIND_RECORD, ins_fingerprints))


async def find_record_by_id(connection: Connection, record_id: UUID) -> KnownRecord | None:
    """The record itself."""
    return _known(await connection.fetchrow(FIND_RECORD_BY_ID, bucket_of(record_id), record_id))


def _known(row: asyncpg.Record | None) -> KnownRecord | None:
    if row is None:
        return None
    return KnownRecord(
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
    """Keeps and announces a deposit. Returns how many of its documents are new: if only some, they must be rolled back.

    None when the record has vanished meanwhile; then, and when no document is new, nothing was kept.
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
        [one.id for one in documents],
        [one.unique_id for one in documents],
        [one.fingerprint for one in documents],
        [one.type for one in documents],
        [one.class_code for one in documents],
        [one.section for one in documents],
        [" ".join(one.labels) for one in documents],
        [orjson.dumps(one.author_ids).decode() for one in documents],
        [one.metadata for one in documents],
        [one.content for one in documents],
        deposit.request,
        deposit.deposited_by,
        deposit.depositor_id,
        [one.in_secret for one in documents],
        [one.replaces for one in documents],
        [one.chain_id for one in documents],
        *parameters(announcements),
    )
    call_relay(connection, announcements)
    return count


async def find_earlier(connection: Connection, record_id: UUID, unique_ids: Sequence[bytes]) -> dict[bytes, Earlier]:
    """The documents of the record, not refused, that go by these identifiers."""
    rows = await connection.fetch(SELECT_EARLIER, bucket_of(record_id), record_id, unique_ids)
    return {row["unique_id"]: Earlier(row["id"], row["deposit_id"], row["fingerprint"]) for row in rows}


async def count_documents(connection: Connection, deposit_id: UUID) -> int:
    """How many documents a deposit has."""
    count: int = await connection.fetchval(COUNT_OF_DEPOSIT, bucket_in(deposit_id), deposit_id)
    return count


async def lock_documents(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Undecided]:
    """Takes the rows of these documents and of those whose place they take, sorted; before them those of the records
    in which a place is taken."""
    rows = await connection.fetch(LOCK_DOCUMENTS, _buckets(ids), ids)
    return {row["id"]: Undecided(**{**row, "labels": tuple(row["labels"])}) for row in rows}


async def settle_documents(connection: Connection, settled: Sequence[Settlement], at: datetime) -> None:
    """Publishes or refuses what was only received. A refused document gives its identifier back."""
    ids = [one.document_id for one in settled]
    await connection.execute(
        SETTLE_DOCUMENTS,
        _buckets(ids),
        ids,
        [one.status for one in settled],
        [one.checked_at for one in settled],
        [one.decision_id for one in settled],
        [one.reason for one in settled],
        at,
        [" ".join(one.labels) for one in settled],
        [one.masked_by for one in settled],
        [one.shown_to_representatives for one in settled],
    )


async def supersede_documents(connection: Connection, ids: Sequence[UUID], at: datetime) -> None:
    """Others have taken their places. Their rows must be taken."""
    await connection.execute(SUPERSEDE_DOCUMENTS, _buckets(ids), ids, at)


def _buckets(ids: Sequence[UUID]) -> list[int]:
    return [bucket_in(id) for id in ids]
