"""The subscriptions of notify: which topic is read, and which step handles its events."""

from datetime import timedelta
from functools import partial
from typing import Any

from services.notify.alerts.domain.rules import AlertRules
from services.notify.alerts.steps.alert_consultations import alert_consultations
from services.notify.alerts.steps.alert_documents import alert_documents
from services.notify.alerts.steps.alert_emergencies import alert_emergencies
from services.notify.alerts.steps.alert_histories import alert_histories
from services.notify.alerts.steps.decide_alerts import (
    consultations_awaiting_facts,
    documents_awaiting_contacts,
    emergencies_awaiting_contacts,
    histories_awaiting_contacts,
)
from services.notify.alerts.steps.end_documents import end_documents
from services.notify.alerts.steps.follow_labels import follow_labels
from services.notify.contacts.steps import keep_contacts
from services.notify.erasure.steps import erase_record
from services.notify.kit.sender import SenderDetails
from services.notify.messages.steps import enqueue_messages
from shared.contracts.audit import AccessRecorded
from shared.contracts.identity import ContactChanged, RecordErased, SessionEnded
from shared.contracts.notify import MessageRequested
from shared.contracts.records import (
    DocumentPublished,
    DocumentRelabelled,
    DocumentReplaced,
    DocumentWithdrawn,
    HistoryFilled,
)
from shared.contracts.topics import (
    NOTIFY_CONSULTATION_ALERTS,
    NOTIFY_CONTACT_COPIES,
    NOTIFY_DOCUMENT_ALERTS,
    NOTIFY_EMERGENCY_ALERTS,
    NOTIFY_ENDED_SESSIONS,
    NOTIFY_ERASURES,
    NOTIFY_HISTORY_ALERTS,
    NOTIFY_MESSAGES,
)
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.http.ended_sessions import keep_ended_sessions
from shared.messaging.envelope import Message
from shared.messaging.subscription import Subscription


def subscriptions(keyring: Keyring, rules: AlertRules, sender: SenderDetails) -> list[Subscription]:
    """Returns the subscriptions of notify.

    None needs the inbox: versions, derived alert ids and windows deduplicate events.
    """
    return [
        Subscription(NOTIFY_CONTACT_COPIES, (ContactChanged,), keep_contacts, uses_inbox=False),
        Subscription(
            NOTIFY_DOCUMENT_ALERTS,
            (DocumentPublished, DocumentRelabelled, DocumentReplaced, DocumentWithdrawn),
            partial(on_documents, keyring=keyring, window=rules.window),
            uses_inbox=False,
            awaiting_version=documents_awaiting_contacts,
        ),
        Subscription(
            NOTIFY_CONSULTATION_ALERTS,
            (AccessRecorded,),
            partial(alert_consultations, keyring=keyring, window=rules.window),
            uses_inbox=False,
            awaiting_version=consultations_awaiting_facts,
        ),
        Subscription(
            NOTIFY_EMERGENCY_ALERTS,
            (AccessRecorded,),
            partial(alert_emergencies, keyring=keyring, follow_up_after=rules.follow_up_after),
            uses_inbox=False,
            awaiting_version=emergencies_awaiting_contacts,
            is_unordered=True,
        ),
        _histories(keyring, rules),
        Subscription(
            NOTIFY_MESSAGES,
            (MessageRequested,),
            partial(enqueue_messages, keyring=keyring, sender=sender),
            uses_inbox=False,
            is_unordered=True,
        ),
        Subscription(NOTIFY_ENDED_SESSIONS, (SessionEnded,), keep_ended_sessions, uses_inbox=False),
        Subscription(NOTIFY_ERASURES, (RecordErased,), erase_record, uses_inbox=False, skips_erased_records=False),
    ]


def _histories(keyring: Keyring, rules: AlertRules) -> Subscription:
    return Subscription(
        NOTIFY_HISTORY_ALERTS,
        (HistoryFilled,),
        partial(alert_histories, keyring=keyring, window=rules.window),
        uses_inbox=False,
        awaiting_version=histories_awaiting_contacts,
    )


async def on_documents(
    connection: Connection, messages: list[Message[Any]], *, keyring: Keyring, window: timedelta
) -> None:
    """Raises alerts of publications first; then applies new labels, replacements and withdrawals, which follow them."""
    published = [message for message in messages if isinstance(message.event, DocumentPublished)]
    relabelled = [message for message in messages if isinstance(message.event, DocumentRelabelled)]
    ended = [message for message in messages if isinstance(message.event, DocumentReplaced | DocumentWithdrawn)]
    await alert_documents(connection, published, keyring=keyring, window=window)
    await follow_labels(connection, relabelled)
    await end_documents(connection, ended)
