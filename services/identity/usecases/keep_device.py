"""Remembers a device from which the holder has proved who they are."""

from uuid import UUID

from services.identity.domain.sealing import Keyrings, seal_row
from services.identity.domain.sessions import Secret, new_secret
from services.identity.store import sessions
from shared.db.pool import Connection
from shared.runtime import clock
from shared.runtime.clock import bucket_of


async def keep_device(connection: Connection, keyrings: Keyrings, record_id: UUID, name: str) -> Secret:
    """The token that the device shows from now on: what strangers try does not slow it."""
    token = new_secret(clock.new_id(bucket_of(record_id)))
    sealed = seal_row(keyrings.persons, name.encode(), "device", token.id)
    await sessions.insert_device(connection, record_id, token, sealed, clock.now())
    return token
