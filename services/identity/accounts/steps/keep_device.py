"""Stores a device on which the holder has authenticated."""

from uuid import UUID

from services.identity.accounts.domain.sessions import OpaqueToken, new_opaque_token
from services.identity.accounts.store import sessions
from services.identity.kit.sealed_rows import seal_row
from services.identity.kit.unit_of_work import UnitOfWork
from shared.runtime import clock
from shared.runtime.clock import bucket_of


async def keep_device(work: UnitOfWork, record_id: UUID, name: str) -> OpaqueToken:
    """Returns the device's token; with it, attempts by strangers do not slow the device down."""
    token = new_opaque_token(clock.new_id(bucket_of(record_id)))
    sealed = seal_row(work.keyrings.persons, name.encode(), "device", token.id)
    await sessions.insert_device(work.connection, record_id, token, sealed, clock.now())
    return token
