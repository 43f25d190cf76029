"""Every SQL statement of audit. On the ledger there are two verbs only: insert and select."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.audit.domain import SHOWN_TO_PATIENTS, Cursor, Entry, Names, Shown, Visible
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


async def insert_entries(connection: Connection, entries: Sequence[Entry], recorded_at: datetime) -> set[UUID]:
    """Adds what the ledger does not have; returns the ids of the events that were new."""
    columns = [list(column) for column in zip(*entries, strict=True)]
    return {row["event_id"] for row in await connection.fetch(INSERT_ENTRIES, *columns, recorded_at)}


# That a document was published changes who may know of it only where the decision changed its labels.
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


async def upsert_visibilities(connection: Connection, visibilities: Mapping[tuple[UUID, UUID], Visible]) -> None:
    """(record, document) -> who may know of it. What older labels say is passed over."""
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


async def keep_keys(connection: Connection, made: Mapping[UUID, WrappedKey]) -> dict[UUID, WrappedKey]:
    """The keys of these records: those that were here, else those made now."""
    ids = list(made)
    keys = list(made.values())
    buckets = [bucket_of(id) for id in ids]
    await connection.execute(INSERT_KEYS, buckets, ids, [key.kid for key in keys], [key.wrapped for key in keys])
    return await find_keys(connection, ids)


async def find_keys(connection: Connection, record_ids: Sequence[UUID]) -> dict[UUID, WrappedKey]:
    """Keys by record; none where the record has none, or was erased."""
    rows = await connection.fetch(SELECT_KEYS, [bucket_of(id) for id in record_ids], record_ids)
    return {row["record_id"]: WrappedKey(row["kid"], row["wrapped"]) for row in rows}


DESTROY_KEY = "delete from record_keys where bucket = $1 and record_id = $2 returning record_id"


async def destroy_key(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Without it no motive of this record can be read. How many of what."""
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
VISIBILITIES_AT_ONCE = 500


async def remove_visibilities(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Some of what the patient of an erased record might know of. How many; none when nothing is left."""
    count = await connection.fetchval(REMOVE_VISIBILITIES, bucket_of(record_id), record_id, VISIBILITIES_AT_ONCE)
    return {"document_visibilities": count}


SELECT_PUT_ASIDE = """
select parked.topic, parked.partition, parked."offset", parked.parked_at
from unnest($2::text[], $3::integer[], $4::bigint[]) as place(topic, partition, "offset")
join parked_messages parked using (topic, partition, "offset") where parked.group_name = $1"""


async def times_put_aside(
    connection: Connection, group: str, letters: Sequence[InvalidRecord]
) -> dict[tuple[str, int, int], datetime]:
    """When each letter's place (topic, partition, offset) was put aside: the same time however often it is asked."""
    rows = await connection.fetch(
        SELECT_PUT_ASIDE,
        group,
        [letter.topic for letter in letters],
        [letter.record.partition for letter in letters],
        [letter.record.offset for letter in letters],
    )
    return {(row["topic"], row["partition"], row["offset"]): row["parked_at"] for row in rows}


SELECT_SHOWN = """
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


async def find_shown(
    connection: Connection, record_id: UUID, before: Cursor, limit: int, *, to_representatives: bool
) -> list[Shown]:
    """The newest entries of a record before a place, without those about documents that the patient, or whoever
    represents the patient, must not know of; to the latter also without those of a secret connection.

    A document is shown by its positive word only: one whose labels have not reached the ledger is not.
    """
    rows = await connection.fetch(
        SELECT_SHOWN,
        bucket_of(record_id),
        record_id,
        SHOWN_TO_PATIENTS,
        before.occurred_at,
        before.event_id,
        limit,
        to_representatives,
    )
    return [Shown(**row) for row in rows]


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
    """Keeps what is newer than what is here. Each professional at most once. Returns the keys of newer copies."""
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
    """Keeps what is newer than what is here. Each structure at most once. Returns the keys of newer copies."""
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


async def find_names(connection: Connection, professionals: Iterable[str], structures: Iterable[str]) -> Names:
    """The names that the own copy knows."""
    people = await connection.fetch(SELECT_PROFESSIONAL_NAMES, list(professionals))
    places = await connection.fetch(SELECT_STRUCTURE_NAMES, list(structures))
    return Names({row["id"]: row["name"] for row in people}, {row["id"]: row["name"] for row in places})


MAINTAIN_PARTITIONS = "select maintain_ledger($1)"


async def maintain_partitions(pool: Pool) -> None:
    """Makes the partitions of the months to come."""
    await pool.execute(MAINTAIN_PARTITIONS, MONTHS_AHEAD)
