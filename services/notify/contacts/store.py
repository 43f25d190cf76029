"""Stores the encrypted contacts."""

from typing import Final
from uuid import UUID

from shared.contracts.declarations import Topic
from shared.contracts.topics import IDENTITY_CONTACTS
from shared.db.pool import Connection

UPSERT_CONTACTS = """
insert into contacts (record_id, version, partition, sealed)
select record_id, version, partition, sealed
from unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) as contact(record_id, version, partition, sealed)
order by record_id
on conflict on constraint contacts_pkey
do update set version = excluded.version, partition = excluded.partition, sealed = excluded.sealed
where excluded.version > contacts.version
returning record_id"""


async def upsert_contacts(
    connection: Connection, ids: list[UUID], versions: list[int], partitions: list[int], sealed: list[str]
) -> set[UUID]:
    """Stores contacts that are newer than those in the table. Returns the ids of the records that changed.

    The caller passes one contact per record at most.
    """
    rows = await connection.fetch(UPSERT_CONTACTS, ids, versions, partitions, sealed)
    return {row["record_id"] for row in rows}


SELECT_CONTACTED = "select record_id from contacts where record_id = any($1::uuid[])"


async def find_records_with_contact(connection: Connection, record_ids: list[UUID]) -> set[UUID]:
    """Returns the records among these whose contact is stored."""
    return {row["record_id"] for row in await connection.fetch(SELECT_CONTACTED, record_ids)}


SELECT_VERSIONS = "select record_id::text as key, version from contacts"
COPIES: Final[dict[Topic, str]] = {IDENTITY_CONTACTS: SELECT_VERSIONS}
"""SQL for the versions of the copies of each topic."""
