"""Inserts a deposit, and finds an earlier one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import orjson

from services.records.facts.domain.documents import DepositorKind
from shared.db.pool import Connection
from shared.messaging.outbox.append import Announcement, call_relay, inserting, parameters
from shared.runtime.clock import bucket_in, bucket_of

# The share lock on the record's row is the fence against an erasure: without the row, nothing is inserted. If not all
# documents are new, only the new rows of documents are inserted, and nothing is announced. The statement inserts the
# combinations of new documents itself: the trigger that follows later changes would cost a quarter of its time.
INSERT_DEPOSIT = f"""
with fence as materialized (
  select id as record_id from records where bucket = $1 and id = $2 for key share
), came as (
  select ordinality, id, unique_id, fingerprint, type, class_code, section, string_to_array(labels, ' ') as labels,
         array(select jsonb_array_elements_text(author_ids)) as author_ids, metadata, content, in_secret, replaces,
         chain_id, care_on
  from unnest($7::uuid[], $8::bytea[], $9::bytea[], $10::text[], $11::text[], $12::text[], $13::text[], $14::jsonb[],
              $15::bytea[], $16::bytea[], $20::boolean[], $21::uuid[], $22::uuid[],
              $23::date[]) with ordinality
    as given(id, unique_id, fingerprint, type, class_code, section, labels, author_ids, metadata, content, in_secret,
             replaces, chain_id, care_on, ordinality)
), new_documents as (
  insert into documents (bucket, id, record_id, deposit_id, unique_id, fingerprint, type, class_code, section, labels,
                         organisation_id, client_id, author_ids, received_at, deposited_by, depositor_id, in_secret,
                         replaces, chain_id, care_on)
  select $1, id, record_id, $3, unique_id, fingerprint, type, class_code, section, labels, $4, $5, author_ids, $6,
         $18, $19, in_secret, replaces, chain_id, care_on
  from came cross join fence order by unique_id
  on conflict on constraint documents_bucket_record_id_unique_id_key do nothing
  returning id, author_ids, care_on,
            document_facts(status, life, archived, type, class_code, section, labels, masked_by,
                           shown_to_representatives, deposited_by, in_secret) as facts
), new_combinations as (
  insert into document_combinations (bucket, record_id, document_id, combination_id, organisation_id, author_ids,
                                     depositor_id, care_on)
  select $1, $2, id, combination_of(facts), $4, author_ids, $19, care_on from new_documents
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
), {inserting(24, "whole")}
select documents from counted"""  # noqa: S608  # a constant
SELECT_EARLIER = """
select id, deposit_id, unique_id, fingerprint from documents
where bucket = $1 and record_id = $2 and unique_id = any($3::bytea[])"""
# The trigger that follows the documents' combinations gives the version one of its own.
INSERT_SHEET = """
with cited as (
  update documents set cites = $4 where bucket = $1 and id = $3
)
insert into summary_versions (bucket, record_id, document_id, doctor_id, lines) values ($1, $2, $3, $5, $6)"""
COUNT_OF_DEPOSIT = "select cardinality(document_ids) from deposits where bucket = $1 and id = $2"


@dataclass(frozen=True, slots=True)
class NewSheet:
    """What is stored with a version of the summary sheet: its doctor, the documents that it cites, the sealed lines."""

    doctor_id: str
    cites: tuple[UUID, ...]
    lines: bytes


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document ready to be stored. `metadata` and `content` are sealed.

    `care_on`: the day of care. `replaces`: the id of the replaced document; `chain_id`: the first version of that
    document.
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
    care_on: date
    in_secret: bool = False
    replaces: UUID | None = None
    chain_id: UUID | None = None
    sheet: NewSheet | None = None


@dataclass(frozen=True, slots=True)
class NewDeposit:
    """A deposit ready to be stored. `request` is sealed.

    `organisation_id`: the owner, who may follow it (`Depositor.owner`). `depositor_id`: the person who deposits, None
    for software.
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
        [document.care_on for document in documents],
        *parameters(announcements),
    )
    call_relay(connection, announcements)
    return count


async def insert_sheets(connection: Connection, deposit: NewDeposit) -> None:
    """Inserts what goes with versions of the summary sheet among the documents; in the transaction of the deposit."""
    for document in deposit.documents:
        if document.sheet is not None:
            await connection.execute(
                INSERT_SHEET,
                bucket_of(deposit.record_id),
                deposit.record_id,
                document.id,
                document.sheet.cites,
                document.sheet.doctor_id,
                document.sheet.lines,
            )


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
