"""A record vanishes: what its holder chose goes at once, the history of it in steps."""

from services.consent.store import states as store
from shared.contracts.identity import RecordErased
from shared.contracts.topics import CONSENT_STATES
from shared.db.pool import Connection
from shared.erasure.erased_records import begin_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import append, tombstone


async def erase_record(connection: Connection, messages: list[Message[RecordErased]]) -> None:
    """The tombstone makes the topic forget the state too, even one that a lost database here knows nothing of."""
    begun = await begin_each(connection, messages, store.destroy_state, store.lock_states)
    await append(connection, [tombstone(CONSENT_STATES, message.event.key, trace=message.trace) for message in begun])
