"""The SQL statements of the ledger (its rows are inserted and selected only), visibilities, keys and late motives."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.audit.ledger.domain.entries import LedgerEntry
from services.audit.ledger.domain.visibilities import DocumentVisibility
from shared.contracts.label_versions import REPLACES_KNOWN
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection, Pool
from shared.db.tags import count_of
from shared.messaging.envelope import InvalidRecord
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


MAINTAIN_PARTITIONS = "select maintain_ledger($1)"


async def maintain_partitions(pool: Pool) -> None:
    """Creates the ledger's partitions for the coming months."""
    await pool.execute(MAINTAIN_PARTITIONS, MONTHS_AHEAD)


@dataclass(frozen=True, slots=True, repr=False)
class LateMotive:
    """A motive as identity sent it, with the id of the missing key."""

    record_id: UUID
    event_id: UUID
    kid: str
    sealed: str


INSERT_LATE_MOTIVES = """
insert into late_motives (record_id, event_id, kid, sealed)
select record_id, event_id, kid, sealed
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as late(record_id, event_id, kid, sealed)
order by record_id, event_id
on conflict on constraint late_motives_pkey do nothing"""


async def insert_late_motives(connection: Connection, motives: Sequence[LateMotive]) -> None:
    """Stores motives until their key comes."""
    await connection.execute(
        INSERT_LATE_MOTIVES,
        [motive.record_id for motive in motives],
        [motive.event_id for motive in motives],
        [motive.kid for motive in motives],
        [motive.sealed for motive in motives],
    )


SELECT_LATE_MOTIVES = """
select record_id, event_id, kid, sealed from late_motives where sealed is not null and kid = any($1::text[]) limit $2"""


async def find_late_motives(connection: Connection, kids: Collection[str], limit: int) -> list[LateMotive]:
    """Returns some motives that are encrypted under one of these keys."""
    return [LateMotive(**row) for row in await connection.fetch(SELECT_LATE_MOTIVES, list(kids), limit)]


KEEP_LATE_MOTIVES = """
update late_motives set kept = opened.kept, sealed = null
from unnest($1::uuid[], $2::uuid[], $3::text[]) as opened(record_id, event_id, kept)
where late_motives.record_id = opened.record_id and late_motives.event_id = opened.event_id
  and late_motives.sealed is not null"""


async def store_opened_motives(connection: Connection, motives: Mapping[tuple[UUID, UUID], str]) -> None:
    """Stores motives under the record's own key, by record id and event id."""
    await connection.execute(
        KEEP_LATE_MOTIVES,
        [record_id for record_id, _ in motives],
        [event_id for _, event_id in motives],
        list(motives.values()),
    )


DELETE_LATE_MOTIVES = """
delete from late_motives using unnest($1::uuid[], $2::uuid[]) as useless(record_id, event_id)
where late_motives.record_id = useless.record_id and late_motives.event_id = useless.event_id"""


async def delete_late_motives(connection: Connection, motives: Sequence[LateMotive]) -> None:
    """Deletes motives that nobody can ever decrypt."""
    records, events = [motive.record_id for motive in motives], [motive.event_id for motive in motives]
    await connection.execute(DELETE_LATE_MOTIVES, records, events)


DELETE_LATE_MOTIVES_OF = "delete from late_motives where record_id = $1"


async def delete_record_motives(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the late motives of an erased record. Returns the number of rows."""
    status = await connection.execute(DELETE_LATE_MOTIVES_OF, record_id)
    return {"late_motives": count_of(status)}
