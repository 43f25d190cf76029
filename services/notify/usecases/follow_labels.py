"""The labels of a document have changed: so does who may know of it."""

from uuid import UUID

from services.notify.domain import audience
from services.notify.store import alerts as store
from services.notify.store.alerts import Restriction
from shared.contracts.label_versions import LabelVersion
from shared.contracts.records import DocumentRelabelled
from shared.db.pool import Connection
from shared.messaging.envelope import Message


async def follow_labels(connection: Connection, messages: list[Message[DocumentRelabelled]]) -> None:
    """What the newest labels of each document say; what older ones say is passed over."""
    newest: dict[UUID, Restriction] = {}
    for message in messages:
        event = message.event
        restriction = Restriction(event.record_id, audience(event.labels), LabelVersion.of(message))
        known = newest.get(event.document_id)
        if known is None or restriction.version.replaces(known.version):
            newest[event.document_id] = restriction
    if newest:
        await store.keep_restrictions(connection, newest)
