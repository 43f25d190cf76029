"""The SQL of corrections: contents replaced where they have not changed meanwhile."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.db.pool import Connection

REPLACE_CONTACTS = """
update contacts held set version = held.version + 1, key_id = made.kid, sealed = made.new
from unnest($1::integer[], $2::uuid[], $3::bytea[], $4::bytea[], $5::text[]) as made(bucket, id, old, new, kid)
where held.bucket = made.bucket and held.record_id = made.id and held.sealed = made.old
returning held.record_id, held.version"""


REPLACE_PEOPLE_TO_CALL = """
update people_to_call held set version = held.version + 1, key_id = made.kid, sealed = made.new
from unnest($1::integer[], $2::uuid[], $3::bytea[], $4::bytea[], $5::text[]) as made(bucket, id, old, new, kid)
where held.bucket = made.bucket and held.record_id = made.id and held.sealed = made.old
returning held.record_id, held.version"""


async def replace_people_to_call(connection: Connection, made: Sequence[tuple[Any, ...]]) -> dict[UUID, int]:
    """Replaces lists of people to call, as `replace_contacts` replaces contacts."""
    rows = await connection.fetch(REPLACE_PEOPLE_TO_CALL, *(list(values) for values in zip(*made, strict=True)))
    return {row["record_id"]: row["version"] for row in rows}


async def replace_contacts(connection: Connection, made: Sequence[tuple[Any, ...]]) -> dict[UUID, int]:
    """Replaces contacts: rows of bucket, record id, old content, new content, key id. Returns the new version by
    record; a contact that was changed meanwhile stays."""
    rows = await connection.fetch(REPLACE_CONTACTS, *(list(values) for values in zip(*made, strict=True)))
    return {row["record_id"]: row["version"] for row in rows}
