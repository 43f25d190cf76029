"""What notify hears: contacts, documents and their labels, accesses."""

from datetime import timedelta
from functools import partial
from typing import Any

from services.notify.usecases.alert_consultations import alert_consultations
from services.notify.usecases.alert_documents import alert_documents
from services.notify.usecases.alert_emergencies import alert_emergencies
from services.notify.usecases.end_documents import end_documents
from services.notify.usecases.erase_record import erase_record
from services.notify.usecases.find_waiting import (
    find_waiting_consultations,
    find_waiting_documents,
    find_waiting_emergencies,
)
from services.notify.usecases.follow_labels import follow_labels
from services.notify.usecases.keep_contacts import keep_contacts
from services.notify.usecases.keep_messages import keep_messages
from shared.contracts.audit import AccessRecorded
from shared.contracts.identity import ContactChanged, RecordErased, SessionEnded
from shared.contracts.notify import MessageRequested
from shared.contracts.records import DocumentPublished, DocumentRelabelled, DocumentReplaced, DocumentWithdrawn
from shared.contracts.topics import (
    NOTIFY_CONSULTATION_ALERTS,
    NOTIFY_CONTACT_COPIES,
    NOTIFY_DOCUMENT_ALERTS,
    NOTIFY_EMERGENCY_ALERTS,
    NOTIFY_ENDED_SESSIONS,
    NOTIFY_ERASURES,
    NOTIFY_MESSAGES,
)
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.http.ended_sessions import keep_ended_sessions
from shared.messaging.envelope import InvalidRecord, Message
from shared.messaging.subscription import Subscription


def subscriptions(keyring: Keyring, follow_up_after: timedelta, window: timedelta) -> list[Subscription]:
    """`follow_up_after`: how long after the first access of an emergency the person is told again; `window`: how long
    after a mail about documents, or consultations, of a record further ones wait.

    None goes through the inbox: versions, derived alert ids and windows mind nothing twice by themselves.
    """
    return [
        Subscription(NOTIFY_CONTACT_COPIES, (ContactChanged,), keep_contacts, uses_inbox=False),
        Subscription(
            NOTIFY_DOCUMENT_ALERTS,
            (DocumentPublished, DocumentRelabelled, DocumentReplaced, DocumentWithdrawn),
            partial(hear_of_documents, keyring=keyring, window=window),
            uses_inbox=False,
            awaiting_version=find_waiting_documents,
        ),
        Subscription(
            NOTIFY_CONSULTATION_ALERTS,
            (AccessRecorded,),
            partial(alert_consultations, keyring=keyring, window=window),
            uses_inbox=False,
            awaiting_version=find_waiting_consultations,
        ),
        Subscription(
            NOTIFY_EMERGENCY_ALERTS,
            (AccessRecorded,),
            partial(alert_emergencies, keyring=keyring, follow_up_after=follow_up_after),
            uses_inbox=False,
            awaiting_version=find_waiting_emergencies,
            quarantine=let_others_pass,
        ),
        Subscription(
            NOTIFY_MESSAGES,
            (MessageRequested,),
            partial(keep_messages, keyring=keyring),
            uses_inbox=False,
            quarantine=let_others_pass,
        ),
        Subscription(NOTIFY_ENDED_SESSIONS, (SessionEnded,), keep_ended_sessions, uses_inbox=False),
        Subscription(NOTIFY_ERASURES, (RecordErased,), erase_record, uses_inbox=False, skips_erased_records=False),
    ]


async def let_others_pass(_: Connection, __: list[InvalidRecord]) -> None:
    """No message rests on an earlier one: a code must not wait behind a notice that cannot be used, nor the alert of an
    emergency behind an access that cannot be read."""


async def hear_of_documents(
    connection: Connection, messages: list[Message[Any]], *, keyring: Keyring, window: timedelta
) -> None:
    """What is published is told; what becomes of it, which comes after it, counts for what is told from then on."""
    published = [one for one in messages if isinstance(one.event, DocumentPublished)]
    relabelled = [one for one in messages if isinstance(one.event, DocumentRelabelled)]
    ended = [one for one in messages if isinstance(one.event, DocumentReplaced | DocumentWithdrawn)]
    await alert_documents(connection, published, keyring=keyring, window=window)
    await follow_labels(connection, relabelled)
    await end_documents(connection, ended)
