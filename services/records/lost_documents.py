"""Documents that were accepted here and went with commits that this database has lost."""

from collections.abc import Sequence

from services.records.store import lost
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentEvent
from shared.db.pool import Connection
from shared.runtime.logs import log
from shared.runtime.metrics import LOST_DOCUMENTS


async def keep_lost(connection: Connection, events: Sequence[DepositDecided | DocumentEvent]) -> None:
    """Keeps as lost the documents that these events name, and says how many are new."""
    if not events:
        return
    new = await lost.insert_lost(connection, list({event.document_id: event for event in events}.values()))
    if new:
        LOST_DOCUMENTS.inc(len(new))
        log("document.lost", count=len(new))
