"""Applies the state of records, from identity, to the local copy."""

from services.records.copies.store import copies as store
from services.records.copies.store.copies import RecordFingerprint
from services.records.kit.announcements import announce_effect
from shared.contracts.identity import RecordChanged
from shared.contracts.records import CopyApplied
from shared.crypto.vault import Vault
from shared.db.pool import Connection
from shared.messaging.copies import newest_of_each
from shared.messaging.envelope import Message
from shared.messaging.outbox import append


async def apply_record_copies(
    vault: Vault, connection: Connection, messages: list[Message[RecordChanged]]
) -> set[bytes]:
    """Applies and announces newer versions; a new record gets its data key. Returns the keys of newer copies."""
    latest = newest_of_each(messages, lambda event: event.record_id)
    stored = await store.lock_records(connection, sorted(latest))
    newer = [latest[id] for id in sorted(latest) if id not in stored or stored[id].version < latest[id].event.version]
    if not newer:
        return set()
    applied = await store.upsert_records(connection, newer)
    applied_messages = [message for message in newer if message.event.record_id in applied]
    await store.insert_keys(
        connection,
        {id: vault.new_key(id) for message in applied_messages if (id := message.event.record_id) not in stored},
    )
    fingerprints = [RecordFingerprint(message.event.ins, message.event.record_id) for message in applied_messages]
    former = [
        RecordFingerprint(stored[new.record_id].ins, new.record_id) for new in fingerprints if new.record_id in stored
    ]
    outdated = [fingerprint for fingerprint in former if fingerprint not in set(fingerprints)]
    await store.replace_fingerprints(connection, fingerprints, outdated)
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
