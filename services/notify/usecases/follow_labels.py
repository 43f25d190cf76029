"""The labels of a document have changed: so does who may know of it."""

from services.notify.domain import audience
from services.notify.store import alerts as store
from services.notify.store.alerts import Restriction
from shared.contracts.records import DocumentRelabelled
from shared.db.pool import Connection
from shared.decoding import Message


async def follow_labels(connection: Connection, messages: list[Message[DocumentRelabelled]]) -> None:
    """The latest word on each document; what is older than known is passed over."""
    latest = {message.event.document_id: message for message in sorted(messages, key=lambda one: one.time)}
    told = {
        id: Restriction(message.event.record_id, audience(message.event.labels), message.time)
        for id, message in latest.items()
    }
    if told:
        await store.keep_restrictions(connection, told)
