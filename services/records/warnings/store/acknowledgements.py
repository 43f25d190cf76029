"""Stores acknowledged warnings, and loads them, only with a Permit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.access import Permit
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

INSERT_ACKNOWLEDGEMENTS = """
insert into warning_acknowledgements (bucket, record_id, id, document_id, acknowledged_at, body)
select $1, $2, id, document_id, $3, body
from unnest($4::uuid[], $5::uuid[], $6::bytea[]) as made(id, document_id, body)"""
SELECT_ACKNOWLEDGEMENTS = """
select a.id, a.document_id, a.acknowledged_at, a.body, k.kid, k.wrapped
from warning_acknowledgements a join record_keys k on k.bucket = $1 and k.record_id = $2
where a.bucket = $1 and a.record_id = $2 order by a.id desc limit $3"""


@dataclass(frozen=True, slots=True)
class SealedAcknowledgement:
    """An acknowledgement as it is stored."""

    id: UUID
    document_id: UUID | None
    acknowledged_at: datetime
    body: bytes


async def insert_acknowledgements(
    connection: Connection, record_id: UUID, moment: datetime, sealed: Sequence[SealedAcknowledgement]
) -> None:
    """Stores acknowledgements of one record."""
    columns = [each.id for each in sealed], [each.document_id for each in sealed], [each.body for each in sealed]
    await connection.execute(INSERT_ACKNOWLEDGEMENTS, bucket_of(record_id), record_id, moment, *columns)


async def load_acknowledgements(
    connection: Connection, _permit: Permit, record_id: UUID, limit: int
) -> tuple[WrappedKey | None, list[SealedAcknowledgement]]:
    """Returns the newest acknowledgements of a record, and its wrapped data key; None where there is none."""
    rows = await connection.fetch(SELECT_ACKNOWLEDGEMENTS, bucket_of(record_id), record_id, limit)
    key = WrappedKey(rows[0]["kid"], rows[0]["wrapped"]) if rows else None
    return key, [
        SealedAcknowledgement(row["id"], row["document_id"], row["acknowledged_at"], row["body"]) for row in rows
    ]
