"""Applies who may act for a holder to the local copy: after the commit, nobody who has lost this right can read."""

from services.records.copies.store import copies as store
from services.records.kit.announcements import announce_effect
from shared.contracts.identity import PeopleChanged
from shared.contracts.records import CopyApplied
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import append


async def apply_people_copies(connection: Connection, messages: list[Message[PeopleChanged]]) -> set[bytes]:
    """Applies and announces newer versions; locks the records' rows first, which waits for reads in progress.

    Returns the message keys whose copy is newer now.
    """
    latest = newest_of_each(messages, lambda event: event.record_id)
    ids = sorted(latest)
    await store.lock_records(connection, ids)
    applied = await store.upsert_people(connection, [latest[id] for id in ids])
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
