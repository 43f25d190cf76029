"""What notify hears: contacts, published documents, accesses."""

from functools import partial

from services.notify.usecases.alert_consultations import alert_consultations
from services.notify.usecases.alert_documents import alert_documents
from services.notify.usecases.erase_record import erase_record
from services.notify.usecases.find_waiting import find_waiting_consultations, find_waiting_documents
from services.notify.usecases.keep_contacts import keep_contacts
from services.notify.usecases.keep_messages import keep_messages
from shared.consuming import Subscription
from shared.contracts.audit import AccessRecorded
from shared.contracts.identity import ContactChanged, RecordErased
from shared.contracts.notify import MessageRequested
from shared.contracts.records import DocumentPublished
from shared.contracts.topics import (
    NOTIFY_CONSULTATION_ALERTS,
    NOTIFY_CONTACT_COPIES,
    NOTIFY_DOCUMENT_ALERTS,
    NOTIFY_ERASURES,
    NOTIFY_MESSAGES,
)
from shared.crypto import Keyring
from shared.db.pool import Connection
from shared.decoding import Letter


def subscriptions(keyring: Keyring) -> list[Subscription]:
    """None goes through the inbox: versions, derived alert ids and windows mind nothing twice by themselves."""
    return [
        Subscription(NOTIFY_CONTACT_COPIES, (ContactChanged,), keep_contacts, remember=False),
        Subscription(
            NOTIFY_DOCUMENT_ALERTS,
            (DocumentPublished,),
            partial(alert_documents, keyring=keyring),
            remember=False,
            behind=find_waiting_documents,
        ),
        Subscription(
            NOTIFY_CONSULTATION_ALERTS,
            (AccessRecorded,),
            partial(alert_consultations, keyring=keyring),
            remember=False,
            behind=find_waiting_consultations,
        ),
        Subscription(
            NOTIFY_MESSAGES,
            (MessageRequested,),
            partial(keep_messages, keyring=keyring),
            remember=False,
            quarantine=let_others_pass,
        ),
        Subscription(NOTIFY_ERASURES, (RecordErased,), erase_record, remember=False, heeds_erasures=False),
    ]


async def let_others_pass(_: Connection, __: list[Letter]) -> None:
    """No message rests on an earlier one: a code must not wait behind a notice that cannot be used."""
