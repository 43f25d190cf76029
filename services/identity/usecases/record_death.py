"""Notes the death of a record's holder: the record closes, and only the correction of an error reopens it."""

from uuid import UUID

from services.identity.domain.lifecycle import Retention
from services.identity.domain.sealing import Keyrings
from services.identity.usecases.move_record import Moving, move_record
from shared.db.pool import Pool


async def record_death(pool: Pool, keyrings: Keyrings, retention: Retention, record_id: UUID, moving: Moving) -> None:
    """The ten years count from the closing, if it was closed before. Raises what `move_record` raises."""
    await move_record(pool, keyrings, retention, record_id, moving)
