"""A record vanishes: nobody is told anything about it any more."""

from services.notify.store import erasing
from shared.contracts.identity import RecordErased
from shared.db.pool import Connection
from shared.erasure.erased_records import begin_each
from shared.messaging.envelope import Message


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """The address and what waits to be sent go at once; a message that a sender holds already may still leave."""
    await begin_each(connection, messages, erasing.destroy_contact)
