"""Keeps a copy of each person's contact, encrypted as it came."""

from services.notify.contacts import store
from shared.contracts.identity import ContactChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def keep_contacts(connection: Connection, messages: list[Message[ContactChanged]]) -> set[bytes]:
    """Stores the latest contact of each record in the batch, unless a newer one is stored.

    Returns the message keys of the records whose contact changed.
    """
    latest: dict[object, Message[ContactChanged]] = {}
    for message in messages:
        previous = latest.get(message.event.record_id)
        if previous is None or previous.event.version < message.event.version:
            latest[message.event.record_id] = message
    newest = list(latest.values())
    changed = await store.upsert_contacts(
        connection,
        [message.event.record_id for message in newest],
        [message.event.version for message in newest],
        [message.partition for message in newest],
        [message.event.sealed for message in newest],
    )
    return {str(record_id).encode() for record_id in changed}
