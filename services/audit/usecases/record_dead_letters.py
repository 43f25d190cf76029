"""A message cannot be used: the ledger says so instead of having a hole."""

from services.audit import store
from services.audit.quarantine import entry_of_dead_letter
from shared.contracts.topics import AUDIT_LEDGER
from shared.db.pool import Connection
from shared.messaging.envelope import InvalidRecord
from shared.runtime import clock


async def record_dead_letters(connection: Connection, letters: list[InvalidRecord]) -> None:
    """One entry for each place. Not announced: no event's entry stands by it."""
    put_aside = await store.times_put_aside(connection, AUDIT_LEDGER.name, letters)
    entries = []
    for letter in letters:
        place = (letter.topic, letter.record.partition, letter.record.offset)
        entries.append(entry_of_dead_letter(letter, put_aside[place]))
    await store.insert_entries(connection, entries, clock.now())
