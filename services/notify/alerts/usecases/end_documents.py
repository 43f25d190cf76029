"""Ends the alerts of documents that were withdrawn or replaced."""

from services.notify.alerts.domain.ids import alert_id
from services.notify.alerts.store import alert_queue
from shared.contracts.records import DocumentReplaced, DocumentWithdrawn
from shared.db.pool import Connection
from shared.messaging.envelope import Message

WITHDRAWN, REPLACED = "document-withdrawn", "document-replaced"


async def end_documents(connection: Connection, messages: list[Message[DocumentWithdrawn | DocumentReplaced]]) -> None:
    """Marks the queued alerts of these documents, so that they are withheld. Alerts of consultations are unaffected."""
    reasons = {
        alert_id(message.event.record_id, "document", message.event.document_id): (
            WITHDRAWN if isinstance(message.event, DocumentWithdrawn) else REPLACED
        )
        for message in messages
    }
    if reasons:
        await alert_queue.end_documents(connection, reasons)
