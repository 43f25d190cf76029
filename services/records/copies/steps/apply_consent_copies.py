"""Applies the patient's choices to the local copy: after the commit, no read under the older choices can follow."""

from services.records.copies.store import copies as store
from services.records.kit.announcements import announce_effect
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.records import CopyApplied
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import append


async def apply_consent_copies(connection: Connection, messages: list[Message[ConsentStateChanged]]) -> set[bytes]:
    """Applies and announces newer versions; locks the records' rows first, which waits for reads in progress.

    Returns the message keys whose copy is newer now.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await store.lock_records(connection, ids)
    applied = await store.upsert_consent_states(connection, [latest[id] for id in ids])
    applied_messages = [latest[id] for id in ids if id in applied]
    await append(
        connection,
        [
            announce_effect(
                CopyApplied(record_id=message.event.record_id, topic=message.topic, version=message.event.version),
                cause=message,
            )
            for message in applied_messages
        ],
    )
    return {message.key for message in applied_messages}
