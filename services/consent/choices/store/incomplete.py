"""The records whose choices hold a partial identifier, as a migration has found them."""

from datetime import datetime
from uuid import UUID

from shared.contracts.topics import CONSENT_DIRECTORY_COPIES, IDENTITY_PROFESSIONALS
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_INCOMPLETE = "select record_id from incomplete_states order by bucket, record_id limit $1"


async def find_incomplete(connection: Connection, limit: int) -> list[UUID]:
    """Returns the ids of at most `limit` such records."""
    return [row["record_id"] for row in await connection.fetch(SELECT_INCOMPLETE, limit)]


DELETE_INCOMPLETE = "delete from incomplete_states where bucket = $1 and record_id = $2"


async def delete_incomplete(connection: Connection, record_id: UUID) -> None:
    """Notes that the choices of this record hold full identifiers alone."""
    await connection.execute(DELETE_INCOMPLETE, bucket_of(record_id), record_id)


IS_DIRECTORY_COMPLETE = """
select count(*) > 0 and count(*) = count(mark.at) filter (where mark.at > $3)
from consumer_offsets read
left join copy_watermarks mark on mark.topic = read.topic and mark.partition = read.partition
where read.group_name = $1 and read.topic = $2"""


async def is_directory_complete(connection: Connection, since: datetime) -> bool:
    """Whether the copy of the directory has, in every partition, what was announced before this moment."""
    names = CONSENT_DIRECTORY_COPIES.name, IDENTITY_PROFESSIONALS.name
    is_complete: bool = await connection.fetchval(IS_DIRECTORY_COMPLETE, *names, since)
    return is_complete
