"""Loads what doctors signed in a record, whom to call, and the key that opens all of it; only with a Permit."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.access import Permit
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_SIGNED = """
select k.kid, k.wrapped, p.sealed as people, v.document_id, v.doctor_id, v.ended_at, v.lines
from record_keys k
left join people_to_call p on p.bucket = $1 and p.record_id = k.record_id
left join (
  summary_versions v
  join documents d on d.bucket = $1 and d.id = v.document_id and d.status = 'published' and d.life = 'current'
) on v.bucket = $1 and v.record_id = k.record_id
where k.bucket = $1 and k.record_id = $2"""


@dataclass(frozen=True, slots=True)
class SealedVersion:
    """The current version of a doctor's chain, with its sealed lines."""

    document_id: UUID
    doctor_id: str
    ended_at: datetime | None
    lines: bytes


@dataclass(frozen=True, slots=True)
class SignedOfRecord:
    """The record's key, what was signed in it, and the sealed list of people to call."""

    key: WrappedKey
    versions: tuple[SealedVersion, ...]
    people_to_call: bytes | None


async def load_signed(connection: Connection, _permit: Permit, record_id: UUID) -> SignedOfRecord | None:
    """Returns what was signed; None where the record was erased meanwhile; only with a Permit."""
    rows = await connection.fetch(SELECT_SIGNED, bucket_of(record_id), record_id)
    if not rows:
        return None
    versions = tuple(
        SealedVersion(row["document_id"], row["doctor_id"], row["ended_at"], row["lines"])
        for row in rows
        if row["document_id"] is not None
    )
    return SignedOfRecord(WrappedKey(rows[0]["kid"], rows[0]["wrapped"]), versions, rows[0]["people"])
