"""Stores the wrapped data keys of organisations."""

from uuid import UUID

from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection

FIND_KEY = "select kid, wrapped from organisation_keys where id = $1"
INSERT_KEY = """
insert into organisation_keys (id, kid, wrapped) values ($1, $2, $3)
on conflict on constraint organisation_keys_pkey do nothing"""


async def find_key(connection: Connection, id: UUID) -> WrappedKey | None:
    """Returns the organisation's key, None where it has none yet."""
    row = await connection.fetchrow(FIND_KEY, id)
    return None if row is None else WrappedKey(row["kid"], row["wrapped"])


async def insert_key(connection: Connection, id: UUID, key: WrappedKey) -> None:
    """Stores the organisation's key; the first one stays."""
    await connection.execute(INSERT_KEY, id, key.kid, key.wrapped)
