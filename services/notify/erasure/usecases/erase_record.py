"""Erases a record: nobody is notified about it any more."""

from services.notify.erasure import store
from shared.contracts.identity import RecordErased
from shared.db.pool import Connection
from shared.erasure.erased_records import begin_each
from shared.messaging.envelope import Message


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """Deletes the contact and all that is queued at once. A message that a sender already holds may still be sent."""
    await begin_each(connection, messages, store.destroy_contact)
