"""Erases a record: its choices at once, their history in steps."""

from services.consent.erasure import store
from shared.contracts.identity import RecordErased
from shared.contracts.topics import CONSENT_STATES
from shared.db.pool import Connection
from shared.erasure.erased_records import begin_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import append, tombstone


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """Deletes the choices, and announces a tombstone, so that the topic loses the state even if this database never had
    it."""
    begun = await begin_each(connection, messages, store.destroy_state, store.lock_states)
    await append(connection, [tombstone(CONSENT_STATES, message.event.key, trace=message.trace) for message in begun])
