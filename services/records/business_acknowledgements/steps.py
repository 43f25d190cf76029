"""Queues a business acknowledgement in the transaction that stores the accepted message."""

from uuid import UUID

from services.records.business_acknowledgements import store
from services.records.business_acknowledgements.domain import NewAcknowledgement
from shared.db.pool import Connection
from shared.hl7v2.acknowledgement import control_id_of
from shared.hl7v2.business_acknowledgement import business_header
from shared.hl7v2.message import Message
from shared.http.tokens import Caller
from shared.runtime import clock


async def queue_acknowledgement(
    connection: Connection, *, message: Message, sender: Caller, deposit_id: UUID | None
) -> None:
    """Queues the business acknowledgement of a message. `deposit_id` None: it deleted documents, which is done."""
    id, now = clock.new_id(), clock.now()
    new = NewAcknowledgement(
        id=id,
        client_id=sender.client_id,
        organisation_id=sender.organisation_id or "",
        deposit_id=deposit_id,
        header=business_header(message, control_id_of(id), now),
        control_id=message.header.value(10),
        codec=message.codec,
    )
    await store.insert_acknowledgement(connection, new, now)
