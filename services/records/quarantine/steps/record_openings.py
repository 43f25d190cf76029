"""Applies copies of records, and lets what waits for their opening be sent again. The sending itself is a loop's."""

from services.records.copies.steps import apply_record_copies
from services.records.quarantine.store import persons
from shared.contracts.identity import RecordChanged
from shared.crypto.vault import Vault
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.runtime import clock


async def apply_record_openings(
    vault: Vault, connection: Connection, messages: list[Message[RecordChanged]]
) -> set[bytes]:
    """Applies newer versions of records, as apply_record_copies does, and marks what waits for those that are open.

    Returns the message keys whose copy is newer now.
    """
    newer = await apply_record_copies(vault, connection, messages)
    opened = [message.event.ins for message in messages if message.key in newer and message.event.status == "open"]
    if opened:
        await persons.mark_opened(connection, opened, clock.now())
    return newer
