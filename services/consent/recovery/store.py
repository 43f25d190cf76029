"""Reads what consent announces anew, the versions of its copies, and what is missing."""

from typing import Final
from uuid import UUID

from shared.contracts.declarations import Topic
from shared.contracts.topics import IDENTITY_PEOPLE, IDENTITY_PROFESSIONALS, IDENTITY_RECORDS
from shared.db.pool import Connection

PAGE = 200
PAGE_STATES = """
select record_id from consent_states where (bucket, record_id) > ($1, $2) order by bucket, record_id limit $3"""


async def page_record_ids(connection: Connection, after: tuple[int, UUID]) -> list[UUID]:
    """Returns the ids of the next records that have choices, in the order of bucket and id."""
    return [row["record_id"] for row in await connection.fetch(PAGE_STATES, *after, PAGE)]


SELECT_RECORD_VERSIONS = "select record_id::text as key, version from record_copies"
SELECT_PEOPLE_VERSIONS = "select record_id::text as key, version from people_copies"
SELECT_DIRECTORY_VERSIONS = "select id as key, version from directory_entries"
COPIES: Final[dict[Topic, str]] = {
    IDENTITY_RECORDS: SELECT_RECORD_VERSIONS,
    IDENTITY_PEOPLE: SELECT_PEOPLE_VERSIONS,
    IDENTITY_PROFESSIONALS: SELECT_DIRECTORY_VERSIONS,
}
SELECT_NOT_IN_FORCE = "select record_id::text as id from consent_states where version_in_force < version"


async def find_missing(connection: Connection) -> dict[str, list[str]]:
    """Returns the ids of records whose choices are not in force yet."""
    return {"choices-not-in-force": [row["id"] for row in await connection.fetch(SELECT_NOT_IN_FORCE)]}
