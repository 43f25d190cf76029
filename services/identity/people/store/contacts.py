"""Contacts of records, sealed, with the announced version."""

from uuid import UUID

from services.identity.kit.sealed_rows import Sealed
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_CONTACT = "select version, key_id, sealed from contacts where bucket = $1 and record_id = $2"


async def load_contact(connection: Connection, record_id: UUID) -> tuple[int, Sealed] | None:
    """Returns the contact of a record and its version, or None."""
    row = await connection.fetchrow(SELECT_CONTACT, bucket_of(record_id), record_id)
    return None if row is None else (row["version"], Sealed(row["key_id"], row["sealed"]))


REPLACE_CONTACT = """
update contacts set version = version + 1, key_id = $4, sealed = $5
where bucket = $1 and record_id = $2 and version = $3 returning version"""


async def replace_contact(connection: Connection, record_id: UUID, version: int, sealed: Sealed) -> int | None:
    """Replaces the contact at this version. Returns the next version; None when another change came first."""
    replaced: int | None = await connection.fetchval(
        REPLACE_CONTACT, bucket_of(record_id), record_id, version, sealed.key_id, sealed.data
    )
    return replaced
