"""Insertion of new records, and look-ups for openings."""

from collections.abc import Sequence
from uuid import UUID

from services.identity.openings.domain.records import NewRecord
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

INSERT_PERSONS = """
insert into persons (bucket, id, key_id, sealed, created_at)
select * from unnest($1::integer[], $2::uuid[], $3::text[], $4::bytea[], $5::timestamptz[])"""
INSERT_RECORDS = """
insert into records (bucket, id, person_id, status, version, opened_at, channel)
select bucket, id, person_id, 'open', 1, opened_at, channel
from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[])
  as opened(bucket, id, person_id, opened_at, channel)"""
INSERT_FINGERPRINTS = """
insert into ins_fingerprints (fingerprint, record_id) select * from unnest($1::text[], $2::uuid[])"""
INSERT_CONTACTS = """
insert into contacts (bucket, record_id, version, key_id, sealed)
select bucket, record_id, 1, key_id, sealed
from unnest($1::integer[], $2::uuid[], $3::text[], $4::bytea[]) as input_rows(bucket, record_id, key_id, sealed)"""


async def insert_records(connection: Connection, new_records: Sequence[NewRecord]) -> None:
    """Inserts the persons, records at version 1, fingerprints and contacts."""
    ids = [record.record_id for record in new_records]
    buckets, persons = [bucket_of(id) for id in ids], [record.person_id for record in new_records]
    times = [record.opened_at for record in new_records]
    person_keys, sealed_persons = (
        [record.person.key_id for record in new_records],
        [record.person.data for record in new_records],
    )
    contact_keys, sealed_contacts = (
        [record.contact.key_id for record in new_records],
        [record.contact.data for record in new_records],
    )
    await connection.execute(INSERT_PERSONS, buckets, persons, person_keys, sealed_persons, times)
    await connection.execute(INSERT_RECORDS, buckets, ids, persons, times, [record.channel for record in new_records])
    await connection.execute(INSERT_FINGERPRINTS, [record.fingerprint for record in new_records], ids)
    await connection.execute(INSERT_CONTACTS, buckets, ids, contact_keys, sealed_contacts)


FIND_RECORDS = "select fingerprint, record_id from ins_fingerprints where fingerprint = any($1::text[])"


async def find_records(connection: Connection, fingerprints: Sequence[str]) -> dict[str, UUID]:
    """Returns the existing records by the fingerprint of the INS."""
    return {row["fingerprint"]: row["record_id"] for row in await connection.fetch(FIND_RECORDS, fingerprints)}


SELECT_CHANNEL = "select channel from records where bucket = $1 and id = $2"


async def load_channel(connection: Connection, record_id: UUID) -> str | None:
    """Returns the channel by which a record was opened; None for records from before channels were stored."""
    channel: str | None = await connection.fetchval(SELECT_CHANNEL, bucket_of(record_id), record_id)
    return channel
