"""Decides, raises and announces alerts in a caller's transaction, and finds messages that must wait for a contact."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from services.notify.alerts.domain.alerts import Alert, AlertEnd, Decision, Send, Unwanted, Withheld, decide, status_of
from services.notify.alerts.domain.consultations import is_consultation
from services.notify.alerts.domain.emergencies import is_emergency
from services.notify.alerts.domain.ids import alert_id
from services.notify.alerts.store import alert_queue
from services.notify.alerts.store import alerts as store
from services.notify.alerts.store.alert_queue import RaisedAlert
from services.notify.contacts.adapters import decrypt_contact
from services.notify.contacts.store import find_records_with_contact
from services.notify.delivery.domain import Delivered, Refused
from services.notify.kit.announcements import announce_effect
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import RecordEvent
from shared.contracts.notify import AlertEvent, AlertFailed, AlertSent, AlertUnwanted, AlertWithheld
from shared.contracts.records import DocumentPublished, DocumentRelabelled, HistoryFilled
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock
from shared.runtime.metrics import STEP_SECONDS


def announce_handled(alert: Alert, end: AlertEnd, at: datetime) -> Announcement:
    """Returns the announcement of an alert's end. Its id and time do not depend on the end: an alert ends once."""
    return announce_effect(_event(alert, end, at), cause=alert, effect="alert-handled")


def _event(alert: Alert, end: AlertEnd, at: datetime) -> AlertEvent:
    fields: dict[str, Any] = {
        "record_id": alert.record_id,
        "alert_id": alert.id,
        "kind": alert.kind,
        "document_id": alert.document_id,
        "deposit_id": alert.deposit_id,
        "caused_by": alert.caused_by,
        "handled_at": at,
    }
    match end:
        case Delivered():
            return AlertSent(**fields, channel=alert.channel)
        case Refused(reason):
            return AlertFailed(**fields, channel=alert.channel, reason=reason)
        case Withheld(reason):
            return AlertWithheld(**fields, reason=reason)
        case Unwanted(reason):
            return AlertUnwanted(**fields, reason=reason)


class DecidedAlert(NamedTuple):
    """An alert, and the decision whether it is sent."""

    alert: Alert
    decision: Decision


async def decide_alerts(connection: Connection, alerts: Sequence[Alert], keyring: Keyring) -> list[DecidedAlert]:
    """Decides whether each alert is sent to the recipient of its record. Every record must have a contact.

    Raises KeyUnknownError and ContactUnreadableError.
    """
    recipients = await store.find_recipients(connection, list({alert.record_id for alert in alerts}))
    decided: list[DecidedAlert] = []
    for alert in alerts:
        recipient = recipients[alert.record_id]
        contact = decrypt_contact(keyring, alert.record_id, recipient.sealed, takes_unbound=recipient.takes_unbound)
        decision = decide(alert.kind, alert.audience, contact, recipient.preferences, alert.channel)
        decided.append(DecidedAlert(alert, decision))
    return decided


async def raise_alerts(connection: Connection, decided: Sequence[DecidedAlert], window: timedelta) -> None:
    """Queues alerts that are to be sent and announces the end of all others; skips alerts that exist already.

    `window`: how long after a mail about a record further alerts wait.
    """
    if not decided:
        return
    now = clock.now()
    raised = [RaisedAlert(alert, *status_of(decision)) for alert, decision in decided]
    new = await alert_queue.insert_alerts(connection, raised, now, window)
    announcements = []
    for alert, decision in decided:
        if alert.id in new and not isinstance(decision, Send):
            STEP_SECONDS.labels("alerted").observe((now - alert.caused_at).total_seconds())
            announcements.append(announce_handled(alert, decision, now))
    await append(connection, announcements)


MAX_DOCUMENT_DELAY = timedelta(days=30)
"""The retention of topics of facts: every document published before that has arrived."""


async def documents_awaiting_contacts(
    connection: Connection, messages: list[Message[DocumentPublished | DocumentRelabelled]]
) -> set[UUID]:
    """Returns the publications whose record has no contact yet. New labels raise no alert and await nothing."""
    published = [message for message in messages if isinstance(message.event, DocumentPublished)]
    return await _without_contact(connection, published)


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


async def histories_awaiting_contacts(connection: Connection, messages: list[Message[HistoryFilled]]) -> set[UUID]:
    """Returns the first fillings whose record has no contact yet."""
    return await _without_contact(connection, messages)


async def _without_contact(connection: Connection, messages: Sequence[Message[RecordEvent]]) -> set[UUID]:
    if not messages:
        return set()
    contacted = await find_records_with_contact(connection, list({message.event.record_id for message in messages}))
    return {message.id for message in messages if message.event.record_id not in contacted}


def _alert_of_recent_document(event: AccessRecorded, since: datetime) -> UUID | None:
    if event.document_id is None:
        return None
    created_at = clock.made_at(event.document_id)
    if created_at is None or created_at < since:
        return None
    return alert_id(event.record_id, "document", event.document_id)
