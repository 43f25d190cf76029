"""Keeps where persons are told things, sealed as it came."""

from services.notify.store import alerts as store
from shared.contracts.identity import ContactChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def keep_contacts(connection: Connection, messages: list[Message[ContactChanged]]) -> set[bytes]:
    """The latest version of each record in the batch, unless a later one is here. Returns the keys of newer copies."""
    latest: dict[object, Message[ContactChanged]] = {}
    for message in messages:
        known = latest.get(message.event.record_id)
        if known is None or known.event.version < message.event.version:
            latest[message.event.record_id] = message
    told = list(latest.values())
    newer = await store.keep_contacts(
        connection,
        [message.event.record_id for message in told],
        [message.event.version for message in told],
        [message.partition for message in told],
        [message.event.sealed for message in told],
    )
    return {str(record_id).encode() for record_id in newer}
