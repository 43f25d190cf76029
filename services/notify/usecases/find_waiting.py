"""Finds messages that rest on something that is not here yet."""

from datetime import datetime, timedelta
from uuid import UUID

from services.notify.domain import alert_id
from services.notify.store import alerts as store
from services.notify.usecases.alert_consultations import is_consultation
from services.notify.usecases.alert_emergencies import is_emergency
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentPublished, DocumentRelabelled
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.runtime import clock

DOCUMENTS_MAY_BE_LATE = timedelta(days=30)
"""As long as topics keep facts: what was published before must have come."""


async def find_waiting_documents(
    connection: Connection, messages: list[Message[DocumentPublished | DocumentRelabelled]]
) -> set[UUID]:
    """Those published of whose record no contact is here; of new labels nobody is told."""
    published = [message for message in messages if isinstance(message.event, DocumentPublished)]
    here = await store.find_contacted(connection, list({message.event.record_id for message in published}))
    return {message.id for message in published if message.event.record_id not in here}


async def find_waiting_consultations(connection: Connection, messages: list[Message[AccessRecorded]]) -> set[UUID]:
    """Those of whose record no contact is here, or of whose document we were not told yet who may know of it."""
    read = [message for message in messages if is_consultation(message.event)]
    if not read:
        return set()
    uncontacted = await _without_contact(connection, read)
    since = clock.now() - DOCUMENTS_MAY_BE_LATE
    expected = {message.id: alert for message in read if (alert := _alert_of_recent_document(message.event, since))}
    told = await store.find_alerts(connection, list(set(expected.values()))) if expected else set()
    untold = {one for one, alert in expected.items() if alert not in told}
    return untold | uncontacted


async def find_waiting_emergencies(connection: Connection, messages: list[Message[AccessRecorded]]) -> set[UUID]:
    """Those of whose record no contact is here: nobody could be told. Nothing else is waited for."""
    return await _without_contact(connection, [message for message in messages if is_emergency(message.event)])


async def _without_contact(connection: Connection, messages: list[Message[AccessRecorded]]) -> set[UUID]:
    if not messages:
        return set()
    here = await store.find_contacted(connection, list({message.event.record_id for message in messages}))
    return {message.id for message in messages if message.event.record_id not in here}


def _alert_of_recent_document(event: AccessRecorded, since: datetime) -> UUID | None:
    if event.document_id is None:
        return None
    made = clock.made_at(event.document_id)
    if made is None or made < since:
        return None
    return alert_id(event.record_id, "document", event.document_id)
