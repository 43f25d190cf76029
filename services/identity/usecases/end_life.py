"""What the death of a record's holder ends beside the record: sessions, and what the deceased did for others.

A death that is corrected brings nothing of it back: the person signs in again, and is named again.
"""

from datetime import datetime
from uuid import UUID

from services.identity.domain.sealing import Keyrings
from services.identity.store import sessions
from services.identity.usecases.end_sessions import end_all_sessions
from services.identity.usecases.release_people import release_people
from shared.contracts.base import Actor, Event
from shared.db.pool import Connection

DECEASED = "deceased"


async def end_life(
    connection: Connection, keyrings: Keyrings, record_id: UUID, now: datetime, actor: Actor
) -> list[Event]:
    """What is to be announced, in the transaction that has locked the record."""
    ended = await end_all_sessions(connection, record_id, DECEASED, now)
    await sessions.forget_devices(connection, record_id)
    return ended + await release_people(connection, keyrings, record_id, now, actor, DECEASED)
