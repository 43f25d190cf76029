"""Notes the death of a record's holder: the record closes, sessions end, what the holder did for others ends.

Only the correction of an error reopens the record.
"""

from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.lifecycle import Retention
from services.identity.domain.opening import RecordUnknownError
from services.identity.domain.sealing import Keyrings
from services.identity.store import links
from services.identity.usecases.end_life import end_life
from services.identity.usecases.move_record import Moving, counted, move_within
from shared.db.pool import Pool, transaction
from shared.errors import ClientError
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock


async def record_death(pool: Pool, keyrings: Keyrings, retention: Retention, record_id: UUID, moving: Moving) -> None:
    """The ten years count from the closing, if it was closed before. Both records of a person who has two that are
    linked close. Raises RecordUnknownError, and what the table refuses."""
    refused: ClientError | None = None
    announcements: list[Announcement] = []
    async with transaction(pool) as connection:
        found = await links.lock_linked(connection, record_id)
        if not found:
            raise RecordUnknownError
        for kept in found:
            refused, told = await move_within(connection, keyrings, retention, kept, moving)
            announcements += told
            if refused is None and kept.state != "dead":
                ended = await end_life(connection, keyrings, kept.id, clock.now(), moving.actor)
                announcements += [announce(one) for one in ended]
        await append(connection, announcements)
    if refused is not None:
        raise counted(moving, refused)
