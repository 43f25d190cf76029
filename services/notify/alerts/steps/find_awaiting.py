"""Finds messages that depend on a contact or a document that has not arrived yet."""

from datetime import datetime, timedelta
from uuid import UUID

from services.notify.alerts.store import alerts as store
from services.notify.alerts.usecases.alert_consultations import is_consultation
from services.notify.alerts.usecases.alert_emergencies import is_emergency
from services.notify.domain import alert_id
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentPublished, DocumentRelabelled
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.runtime import clock

MAX_DOCUMENT_DELAY = timedelta(days=30)
"""The retention of topics of facts: documents published before that have arrived."""


async def documents_awaiting_contacts(
    connection: Connection, messages: list[Message[DocumentPublished | DocumentRelabelled]]
) -> set[UUID]:
    """Returns the publications whose record has no contact yet. New labels raise no alert and await nothing."""
    published = [message for message in messages if isinstance(message.event, DocumentPublished)]
    contacted = await store.find_records_with_contact(
        connection, list({message.event.record_id for message in published})
    )
    return {message.id for message in published if message.event.record_id not in contacted}


async def consultations_awaiting_facts(connection: Connection, messages: list[Message[AccessRecorded]]) -> set[UUID]:
    """Returns the consultations whose record has no contact yet, or whose document's labels have not arrived yet."""
    read = [message for message in messages if is_consultation(message.event)]
    if not read:
        return set()
    uncontacted = await _without_contact(connection, read)
    since = clock.now() - MAX_DOCUMENT_DELAY
    expected = {message.id: alert for message in read if (alert := _alert_of_recent_document(message.event, since))}
    existing = await store.find_existing_alerts(connection, list(set(expected.values()))) if expected else set()
    awaiting_document = {id for id, alert in expected.items() if alert not in existing}
    return awaiting_document | uncontacted


async def emergencies_awaiting_contacts(connection: Connection, messages: list[Message[AccessRecorded]]) -> set[UUID]:
    """Returns the emergencies whose record has no contact yet. They await nothing else."""
    return await _without_contact(connection, [message for message in messages if is_emergency(message.event)])


async def _without_contact(connection: Connection, messages: list[Message[AccessRecorded]]) -> set[UUID]:
    if not messages:
        return set()
    contacted = await store.find_records_with_contact(
        connection, list({message.event.record_id for message in messages})
    )
    return {message.id for message in messages if message.event.record_id not in contacted}


def _alert_of_recent_document(event: AccessRecorded, since: datetime) -> UUID | None:
    if event.document_id is None:
        return None
    created_at = clock.made_at(event.document_id)
    if created_at is None or created_at < since:
        return None
    return alert_id(event.record_id, "document", event.document_id)
