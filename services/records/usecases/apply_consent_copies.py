"""What a person chose comes into force here: once this has committed, no read under the older choice can follow."""

from services.records.announcements import announce_effect
from services.records.store import copies as store
from shared.contracts.consent import ConsentStateChanged
from shared.contracts.records import CopyApplied
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import append


async def apply_consent_copies(connection: Connection, messages: list[Message[ConsentStateChanged]]) -> set[bytes]:
    """Takes the records' rows first, which waits for reads under way. Only what is newer is applied and told.

    Returns the keys whose copy is newer now.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await store.lock_records(connection, ids)
    applied = await store.upsert_consent_states(connection, [latest[id] for id in ids])
    told = [latest[id] for id in ids if id in applied]
    await append(
        connection,
        [
            announce_effect(
                CopyApplied(record_id=one.event.record_id, topic=one.topic, version=one.event.version), cause=one
            )
            for one in told
        ],
    )
    return {one.key for one in told}
