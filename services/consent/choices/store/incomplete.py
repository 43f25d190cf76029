"""The records whose choices hold a partial identifier; a migration has listed them."""

from datetime import datetime
from uuid import UUID

from shared.contracts.topics import CONSENT_DIRECTORY_COPIES, CONSENT_PROFESSIONAL_COPIES, IDENTITY_PROFESSIONALS
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SELECT_INCOMPLETE = "select record_id from incomplete_states order by bucket, record_id limit $1"


async def find_incomplete(connection: Connection, limit: int) -> list[UUID]:
    """Returns the ids of at most `limit` such records."""
    return [row["record_id"] for row in await connection.fetch(SELECT_INCOMPLETE, limit)]


DELETE_INCOMPLETE = "delete from incomplete_states where bucket = $1 and record_id = $2"


async def delete_incomplete(connection: Connection, record_id: UUID) -> None:
    """Removes a record from the list, because its choices hold only full identifiers now."""
    await connection.execute(DELETE_INCOMPLETE, bucket_of(record_id), record_id)


# The copy of names reads the same topic: where it is ahead, it may have raised the watermark alone.
IS_DIRECTORY_COMPLETE = """
select count(*) > 0
   and count(*) = count(mark.at) filter (where mark.at > $3 and read.next >= coalesce(ahead.next, read.next))
from consumer_offsets read
left join copy_watermarks mark on mark.topic = read.topic and mark.partition = read.partition
left join consumer_offsets ahead
  on ahead.group_name = $4 and ahead.topic = read.topic and ahead.partition = read.partition
where read.group_name = $1 and read.topic = $2"""


async def is_directory_complete(connection: Connection, since: datetime) -> bool:
    """Returns whether the copy of the directory has, in every partition, what was announced before this moment."""
    names = CONSENT_DIRECTORY_COPIES.name, IDENTITY_PROFESSIONALS.name
    ahead = CONSENT_PROFESSIONAL_COPIES.name
    is_complete: bool = await connection.fetchval(IS_DIRECTORY_COMPLETE, *names, since, ahead)
    return is_complete
