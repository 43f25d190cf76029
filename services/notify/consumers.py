"""What notify hears: contacts, published documents, accesses."""

from functools import partial

from services.notify.usecases.alert_consultations import alert_consultations
from services.notify.usecases.alert_documents import alert_documents
from services.notify.usecases.find_waiting import find_waiting_consultations, find_waiting_documents
from services.notify.usecases.keep_contacts import keep_contacts
from shared.consuming import Subscription
from shared.contracts.audit import AccessRecorded
from shared.contracts.identity import ContactChanged
from shared.contracts.records import DocumentPublished
from shared.contracts.topics import NOTIFY_CONSULTATION_ALERTS, NOTIFY_CONTACT_COPIES, NOTIFY_DOCUMENT_ALERTS
from shared.crypto import Keyring


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
    ]
