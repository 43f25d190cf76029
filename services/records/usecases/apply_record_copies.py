"""The state of records, as identity tells it, comes into force here."""

from services.records.announcements import announce_effect
from services.records.store import copies as store
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
    """Only what is newer is applied and told; a new record gets its data key. Returns the keys of newer copies."""
    latest = newest_of_each(messages, lambda event: event.record_id)
    known = await store.lock_records(connection, sorted(latest))
    newer = [latest[id] for id in sorted(latest) if id not in known or known[id][0] < latest[id].event.version]
    if not newer:
        return set()
    applied = await store.upsert_records(connection, newer)
    told = [one for one in newer if one.event.record_id in applied]
    await store.insert_keys(
        connection, {id: vault.new_key(id) for one in told if (id := one.event.record_id) not in known}
    )
    found_by = [(one.event.ins, one.event.record_id) for one in told]
    gone = [(known[id][1], id) for ins, id in found_by if id in known and known[id][1] != ins]
    await store.replace_fingerprints(connection, found_by, gone)
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
