"""The SQL statements of audit. The ledger's rows are inserted and selected only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.audit.ledger.domain import (
    PATIENT_LIST_TYPES,
    DocumentVisibility,
    LedgerCursor,
    LedgerEntry,
    PublicNames,
    ShownEntry,
)
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.contracts.label_versions import REPLACES_KNOWN
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection, Pool
from shared.messaging.envelope import InvalidRecord, Message
from shared.runtime.clock import bucket_of

MONTHS_AHEAD = 3

INSERT_ENTRIES = """
insert into ledger_entries
  (occurred_at, event_id, event_type, record_id, action, outcome, reason, actor_kind, actor_id, profession,
   organisation_id, client_id, document_id, deposit_id, subject_id, mode, rules_version, details, recorded_at)
select occurred_at, event_id, event_type, record_id, action, outcome, reason, actor_kind, actor_id, profession,
       organisation_id, client_id, document_id, deposit_id, subject_id, mode, rules_version, details, $19
from unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::uuid[], $14::uuid[], $15::text[], $16::text[],
            $17::text[], $18::jsonb[])
  as entry(occurred_at, event_id, event_type, record_id, action, outcome, reason, actor_kind, actor_id, profession,
           organisation_id, client_id, document_id, deposit_id, subject_id, mode, rules_version, details)
order by occurred_at, event_id
on conflict on constraint ledger_entries_pkey do nothing
returning event_id"""


async def insert_entries(connection: Connection, entries: Sequence[LedgerEntry], recorded_at: datetime) -> set[UUID]:
    """Inserts the entries that the ledger does not have; returns the event ids of the new ones."""
    columns = [list(column) for column in zip(*entries, strict=True)]
    return {row["event_id"] for row in await connection.fetch(INSERT_ENTRIES, *columns, recorded_at)}


# A publication changes who may know of a document only if the decision changed its labels.
UPSERT_VISIBILITIES = (
    """
insert into document_visibilities as known
  (bucket, record_id, document_id, visible_to_patient, visible_to_representatives, version, "offset", as_of)
select bucket, record_id, document_id, visible_to_patient, visible_to_representatives, version, "offset", as_of
from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::boolean[], $5::boolean[], $6::integer[], $7::bigint[],
            $8::timestamptz[])
  as document(bucket, record_id, document_id, visible_to_patient, visible_to_representatives, version, "offset", as_of)
order by bucket, record_id, document_id
on conflict on constraint document_visibilities_pkey do update
set visible_to_patient = excluded.visible_to_patient,
    visible_to_representatives = excluded.visible_to_representatives,
    version = greatest(known.version, excluded.version, 2), "offset" = excluded."offset", as_of = excluded.as_of
where (excluded.version <> 2 or known.visible_to_patient <> excluded.visible_to_patient
       or known.visible_to_representatives <> excluded.visible_to_representatives)
  and """
    + REPLACES_KNOWN
)


async def upsert_visibilities(
    connection: Connection, visibilities: Mapping[tuple[UUID, UUID], DocumentVisibility]
) -> None:
    """Stores who may know of documents, by record id and document id. Older labels than the stored ones are ignored."""
    versions = [visible.version for visible in visibilities.values()]
    await connection.execute(
        UPSERT_VISIBILITIES,
        [bucket_of(record_id) for record_id, _ in visibilities],
        [record_id for record_id, _ in visibilities],
        [document_id for _, document_id in visibilities],
        [visible.to_patient for visible in visibilities.values()],
        [visible.to_representatives for visible in visibilities.values()],
        [version.number for version in versions],
        [version.offset for version in versions],
        [version.at for version in versions],
    )


INSERT_KEYS = """
insert into record_keys (bucket, record_id, kid, wrapped)
select bucket, record_id, kid, wrapped
from unnest($1::integer[], $2::uuid[], $3::text[], $4::bytea[]) as made(bucket, record_id, kid, wrapped)
order by bucket, record_id
on conflict on constraint record_keys_pkey do nothing"""
SELECT_KEYS = """
select known.record_id, known.kid, known.wrapped
from unnest($1::integer[], $2::uuid[]) as wanted(bucket, record_id)
join record_keys known on known.bucket = wanted.bucket and known.record_id = wanted.record_id"""


async def ensure_keys(connection: Connection, new_keys: Mapping[UUID, WrappedKey]) -> dict[UUID, WrappedKey]:
    """Returns the keys of these records: the stored one if there is one, else the new one, which it stores."""
    ids = list(new_keys)
    keys = list(new_keys.values())
    buckets = [bucket_of(id) for id in ids]
    await connection.execute(INSERT_KEYS, buckets, ids, [key.kid for key in keys], [key.wrapped for key in keys])
    return await find_keys(connection, ids)


async def find_keys(connection: Connection, record_ids: Sequence[UUID]) -> dict[UUID, WrappedKey]:
    """Returns the wrapped keys by record id; records without a key, such as erased ones, are left out."""
    rows = await connection.fetch(SELECT_KEYS, [bucket_of(id) for id in record_ids], record_ids)
    return {row["record_id"]: WrappedKey(row["kid"], row["wrapped"]) for row in rows}


DESTROY_KEY = "delete from record_keys where bucket = $1 and record_id = $2 returning record_id"


async def destroy_key(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the key of a record, so that its motives can no longer be read. Returns the number of keys."""
    return {"keys": len(await connection.fetch(DESTROY_KEY, bucket_of(record_id), record_id))}


REMOVE_VISIBILITIES = """
with doomed as materialized (
  select document_id from document_visibilities where bucket = $1 and record_id = $2 limit $3
), gone as (
  delete from document_visibilities known using doomed
  where known.bucket = $1 and known.record_id = $2 and known.document_id = doomed.document_id
  returning known.document_id
)
select count(*) from gone"""
VISIBILITIES_PER_DELETE = 500


async def remove_visibilities(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes some visibilities of an erased record. Returns the number of rows; 0 if nothing is left."""
    count = await connection.fetchval(REMOVE_VISIBILITIES, bucket_of(record_id), record_id, VISIBILITIES_PER_DELETE)
    return {"document_visibilities": count}


SELECT_PARKED_TIMES = """
select parked.topic, parked.partition, parked."offset", parked.parked_at
from unnest($2::text[], $3::integer[], $4::bigint[]) as place(topic, partition, "offset")
join parked_messages parked using (topic, partition, "offset") where parked.group_name = $1"""


async def find_parked_times(
    connection: Connection, group: str, invalid_records: Sequence[InvalidRecord]
) -> dict[tuple[str, int, int], datetime]:
    """Returns when each record was parked, by topic, partition and offset; the time of a place never changes."""
    rows = await connection.fetch(
        SELECT_PARKED_TIMES,
        group,
        [invalid.topic for invalid in invalid_records],
        [invalid.record.partition for invalid in invalid_records],
        [invalid.record.offset for invalid in invalid_records],
    )
    return {(row["topic"], row["partition"], row["offset"]): row["parked_at"] for row in rows}


SELECT_SHOWN_ENTRIES = """
select entry.event_id, entry.occurred_at, entry.action, entry.outcome, entry.reason, entry.actor_kind, entry.actor_id,
       entry.profession, entry.organisation_id, entry.document_id, entry.subject_id, entry.mode
from ledger_entries entry
left join document_visibilities document
  on document.bucket = $1 and document.record_id = $2 and document.document_id = entry.document_id
where entry.record_id = $2 and entry.event_type = any($3::text[])
  and entry.occurred_at <= $4 and (entry.occurred_at, entry.event_id) < ($4, $5)
  and (entry.document_id is null
       or (document.visible_to_patient and (document.visible_to_representatives or not $7)))
  and (entry.mode <> 'secret' or not $7)
order by entry.occurred_at desc, entry.event_id desc limit $6"""


async def find_shown_entries(
    connection: Connection, record_id: UUID, before: LedgerCursor, limit: int, *, to_representatives: bool
) -> list[ShownEntry]:
    """Returns the newest entries of a record before a cursor. Leaves out entries about documents that the patient may
    not know of; for representatives also those that are invisible to them, and secret connections.

    A document is shown only if labels that permit it are stored; one whose labels have not reached audit is left out.
    """
    rows = await connection.fetch(
        SELECT_SHOWN_ENTRIES,
        bucket_of(record_id),
        record_id,
        PATIENT_LIST_TYPES,
        before.occurred_at,
        before.event_id,
        limit,
        to_representatives,
    )
    return [ShownEntry(**row) for row in rows]


UPSERT_PROFESSIONALS = """
insert into professional_copies (professional_id, version, name, profession, status, partition)
select professional_id, version, name, profession, status, partition
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::integer[])
  as copy(professional_id, version, name, profession, status, partition)
order by professional_id
on conflict on constraint professional_copies_pkey do update
set version = excluded.version, name = excluded.name, profession = excluded.profession, status = excluded.status,
    partition = excluded.partition
where excluded.version > professional_copies.version
returning professional_id"""


async def upsert_professionals(connection: Connection, messages: Sequence[Message[ProfessionalChanged]]) -> set[bytes]:
    """Stores the newer copies; each professional at most once. Returns the keys of the messages that were newer."""
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_PROFESSIONALS,
        [event.professional_id for event in events],
        [event.version for event in events],
        [event.name for event in events],
        [event.profession for event in events],
        [event.status for event in events],
        [message.partition for message in messages],
    )
    return {row["professional_id"].encode() for row in rows}


UPSERT_STRUCTURES = """
insert into structure_copies (structure_id, version, name, status, partition)
select structure_id, version, name, status, partition
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::integer[])
  as copy(structure_id, version, name, status, partition)
order by structure_id
on conflict on constraint structure_copies_pkey do update
set version = excluded.version, name = excluded.name, status = excluded.status, partition = excluded.partition
where excluded.version > structure_copies.version
returning structure_id"""


async def upsert_structures(connection: Connection, messages: Sequence[Message[StructureChanged]]) -> set[bytes]:
    """Stores the newer copies; each structure at most once. Returns the keys of the messages that were newer."""
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_STRUCTURES,
        [event.structure_id for event in events],
        [event.version for event in events],
        [event.name for event in events],
        [event.status for event in events],
        [message.partition for message in messages],
    )
    return {row["structure_id"].encode() for row in rows}


SELECT_PROFESSIONAL_NAMES = """
select professional_id as id, name from professional_copies where professional_id = any($1::text[])"""
SELECT_STRUCTURE_NAMES = "select structure_id as id, name from structure_copies where structure_id = any($1::text[])"


async def find_names(connection: Connection, professionals: Iterable[str], structures: Iterable[str]) -> PublicNames:
    """Returns the public names that audit's copies have."""
    professional_rows = await connection.fetch(SELECT_PROFESSIONAL_NAMES, list(professionals))
    structure_rows = await connection.fetch(SELECT_STRUCTURE_NAMES, list(structures))
    return PublicNames(
        {row["id"]: row["name"] for row in professional_rows}, {row["id"]: row["name"] for row in structure_rows}
    )


MAINTAIN_PARTITIONS = "select maintain_ledger($1)"


async def maintain_partitions(pool: Pool) -> None:
    """Creates the ledger's partitions for the coming months."""
    await pool.execute(MAINTAIN_PARTITIONS, MONTHS_AHEAD)
