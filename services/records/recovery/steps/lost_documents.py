"""Documents that were accepted here, and whose commits the database has lost."""

from collections.abc import Sequence

from services.records.recovery.store import lost
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentEvent
from shared.db.pool import Connection
from shared.runtime.logs import log
from shared.runtime.metrics import LOST_DOCUMENTS


async def record_lost_documents(connection: Connection, events: Sequence[DepositDecided | DocumentEvent]) -> None:
    """Records as lost the documents that these events name; counts and logs the new ones."""
    if not events:
        return
    new_ids = await lost.insert_lost(connection, list({event.document_id: event for event in events}.values()))
    if new_ids:
        LOST_DOCUMENTS.inc(len(new_ids))
        log("document.lost", count=len(new_ids))
