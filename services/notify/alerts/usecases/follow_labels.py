"""Follows the labels of documents, which decide who may learn of them."""

from uuid import UUID

from services.notify.alerts.domain.alerts import audience_of
from services.notify.alerts.store import alerts as store
from services.notify.alerts.store.alerts import Restriction
from shared.contracts.label_versions import LabelVersion
from shared.contracts.records import DocumentRelabelled
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def follow_labels(connection: Connection, messages: list[Message[DocumentRelabelled]]) -> None:
    """Stores who may learn of each document by its newest labels; older labels are ignored."""
    newest: dict[UUID, Restriction] = {}
    for message in messages:
        event = message.event
        restriction = Restriction(event.record_id, audience_of(event.labels), LabelVersion.of(message))
        previous = newest.get(event.document_id)
        if previous is None or restriction.version.replaces(previous.version):
            newest[event.document_id] = restriction
    if newest:
        await store.upsert_restrictions(connection, newest)
