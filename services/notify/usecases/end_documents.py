"""A document is gone, or another one took its place: it is no news any more."""

from services.notify.domain import alert_id
from services.notify.store import alert_queue
from shared.contracts.records import DocumentReplaced, DocumentWithdrawn
from shared.db.pool import Connection
from shared.messaging.envelope import Message

WITHDRAWN, REPLACED = "document-withdrawn", "document-replaced"


async def end_documents(connection: Connection, messages: list[Message[DocumentWithdrawn | DocumentReplaced]]) -> None:
    """An alert of it that still waits will be withheld. That a document was consulted stays news."""
    ends = {
        alert_id(message.event.record_id, "document", message.event.document_id): (
            WITHDRAWN if isinstance(message.event, DocumentWithdrawn) else REPLACED
        )
        for message in messages
    }
    if ends:
        await alert_queue.end_documents(connection, ends)
