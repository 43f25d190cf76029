"""Records as they open, one or a page of them."""

from collections.abc import Sequence
from uuid import UUID

from services.identity.domain.records import NewRecord
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
from unnest($1::integer[], $2::uuid[], $3::text[], $4::bytea[]) as told(bucket, record_id, key_id, sealed)"""


async def insert_records(connection: Connection, opened: Sequence[NewRecord]) -> None:
    """Persons, records at version 1, how they are found and where they are told things."""
    ids = [one.record_id for one in opened]
    buckets, persons = [bucket_of(id) for id in ids], [one.person_id for one in opened]
    times = [one.opened_at for one in opened]
    person_keys, sealed_persons = [one.person.key_id for one in opened], [one.person.data for one in opened]
    contact_keys, sealed_contacts = [one.contact.key_id for one in opened], [one.contact.data for one in opened]
    await connection.execute(INSERT_PERSONS, buckets, persons, person_keys, sealed_persons, times)
    await connection.execute(INSERT_RECORDS, buckets, ids, persons, times, [one.channel for one in opened])
    await connection.execute(INSERT_FINGERPRINTS, [one.fingerprint for one in opened], ids)
    await connection.execute(INSERT_CONTACTS, buckets, ids, contact_keys, sealed_contacts)


FIND_RECORDS = "select fingerprint, record_id from ins_fingerprints where fingerprint = any($1::text[])"


async def find_records(connection: Connection, fingerprints: Sequence[str]) -> dict[str, UUID]:
    """The records that exist, by the fingerprint of the INS."""
    return {row["fingerprint"]: row["record_id"] for row in await connection.fetch(FIND_RECORDS, fingerprints)}


SELECT_CHANNEL = "select channel from records where bucket = $1 and id = $2"


async def load_channel(connection: Connection, record_id: UUID) -> str | None:
    """By which way a record was opened; None where that was not asked yet."""
    channel: str | None = await connection.fetchval(SELECT_CHANNEL, bucket_of(record_id), record_id)
    return channel
