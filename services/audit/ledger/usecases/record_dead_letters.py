"""Enters messages that cannot be used in the ledger, so that it has no gaps."""

from services.audit.ledger import store
from services.audit.ledger.domain.quarantine import entry_of_dead_letter
from shared.contracts.topics import AUDIT_LEDGER
from shared.db.pool import Connection
from shared.messaging.envelope import InvalidRecord
from shared.runtime import clock


async def record_dead_letters(connection: Connection, invalid_records: list[InvalidRecord]) -> None:
    """Inserts one entry for each place in a topic. They are not announced: no event has them as its entry."""
    parked_times = await store.find_parked_times(connection, AUDIT_LEDGER.name, invalid_records)
    entries = []
    for invalid in invalid_records:
        place = (invalid.topic, invalid.record.partition, invalid.record.offset)
        entries.append(entry_of_dead_letter(invalid, parked_times[place]))
    await store.insert_entries(connection, entries, clock.now())
