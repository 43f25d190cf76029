"""Ends what the death of a record's holder ends besides the record: sessions, and relations to other holders.

Correcting a death restores none of it: the person signs in again, and is named again.
"""

from datetime import datetime
from uuid import UUID

from services.identity.accounts.steps.end_sessions import end_all_sessions
from services.identity.accounts.store import sessions
from services.identity.kit.sealed_rows import Keyrings
from services.identity.relations.steps.release_people import release_people
from shared.contracts.base import Actor, Event
from shared.db.pool import Connection

DECEASED = "deceased"


async def end_life(
    connection: Connection, keyrings: Keyrings, record_id: UUID, now: datetime, actor: Actor
) -> list[Event]:
    """Returns the events to announce. The caller has locked the record in a transaction."""
    ended = await end_all_sessions(connection, record_id, DECEASED, now)
    await sessions.forget_devices(connection, record_id)
    return ended + await release_people(connection, keyrings, record_id, now, actor, DECEASED)
