"""Finds a record by its id or by an INS fingerprint, with its traits and its key."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg
import orjson

from services.records.copies.domain.copies import RecordCopy
from services.records.copies.domain.traits import PatientMismatchError, differing_traits
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of
from shared.values import Ins, SentTraits

# A fingerprint does not reveal the bucket; the row found by it does, for the other tables.
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


async def find_record(connection: Connection, ins_fingerprints: Sequence[str]) -> RecordCopy | None:
    """Returns the record that has one of these INS fingerprints, None if there is none."""
    return _record_copy(await connection.fetchrow(FIND_RECORD, ins_fingerprints))


async def find_record_by_id(connection: Connection, record_id: UUID) -> RecordCopy | None:
    """Returns the record with this id, None if there is none."""
    return _record_copy(await connection.fetchrow(FIND_RECORD_BY_ID, bucket_of(record_id), record_id))


async def confirm_person(connection: Connection, ring: Keyring, record_id: UUID, ins: Ins, traits: SentTraits) -> None:
    """Checks that this is the person of the record: the INS finds it, and no trait differs. Raises
    PatientMismatchError."""
    record = await find_record(connection, ring.fingerprints(*ins_parts(ins)))
    if record is None or record.id != record_id or differing_traits(ring, record_id, record.traits, traits):
        raise PatientMismatchError


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
