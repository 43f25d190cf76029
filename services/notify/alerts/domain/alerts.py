"""The rules of alerts: the people who may learn of a cause, and the outcomes of deciding and sending."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from services.notify.contacts.domain import Contact
from services.notify.delivery.domain import AwaitingKey, Delivered, GatewayAnswer, Refused
from services.notify.kit.kinds import ALWAYS_SENT_KINDS, AlertChannel, AlertKind
from services.notify.preferences.domain import Preferences
from shared.terminology.visibility import KNOWN_LABELS, Visibility


class Audience(StrEnum):
    """The people of the patient side who may learn that a document exists."""

    EVERYBODY = "everybody"
    HOLDER = "holder"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert about one cause by one channel.

    It is sent at once, or not before `not_before`. `trace` and `caused_at` are those of the cause.
    """

    id: UUID
    record_id: UUID
    kind: AlertKind
    document_id: UUID | None
    deposit_id: UUID | None
    caused_by: UUID
    caused_at: datetime
    trace: str
    audience: Audience
    channel: AlertChannel = "mail"
    not_before: datetime | None = None

    @property
    def time(self) -> datetime:
        """The time of the cause; events about the alert derive their own time from it."""
        return self.caused_at


@dataclass(frozen=True, slots=True)
class Recipient:
    """The person who is notified about a record: the encrypted contact and the preferences.

    `takes_unbound`: whether a contact that is not bound to its record is accepted.
    """

    sealed: str
    preferences: Preferences
    takes_unbound: bool = False


@dataclass(frozen=True, slots=True)
class DueAlert:
    """An alert that a sender holds, with the number of earlier attempts and its recipient as of now.

    `planned_at`: when this attempt was due. `document_end`: why the document needs no alert any more.
    """

    alert: Alert
    attempts: int
    created_at: datetime
    planned_at: datetime
    recipient: Recipient | None
    document_end: str | None = None

    def delay(self, handled_at: datetime) -> timedelta:
        """Returns the time from the cause to the end of the alert, without the planned wait before its first attempt.

        After a failed attempt the planned wait is not known any more, and counts.
        """
        planned_wait = self.planned_at - self.created_at if self.attempts == 0 else timedelta()
        return handled_at - self.alert.caused_at - planned_wait


@dataclass(frozen=True, slots=True)
class Send:
    """The alert is sent to this contact."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Withheld:
    """The person must not learn of the cause."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unwanted:
    """The person does not want the alert, or cannot be reached."""

    reason: str


Decision = Send | Withheld | Unwanted
AlertAttemptOutcome = GatewayAnswer | AwaitingKey | Withheld | Unwanted


def audience_of(labels: Iterable[str]) -> Audience:
    """Returns the people who may learn of a document with these labels.

    A label that this release does not know hides the document from all.
    """
    label_set = frozenset(labels)
    if Visibility.INVISIBLE_TO_PATIENT.value in label_set or not label_set <= KNOWN_LABELS:
        return Audience.NOBODY
    return Audience.HOLDER if Visibility.INVISIBLE_TO_REPRESENTATIVES.value in label_set else Audience.EVERYBODY


def decide(
    kind: AlertKind, audience: Audience, contact: Contact, preferences: Preferences, channel: AlertChannel = "mail"
) -> Decision:
    """Decides whether an alert is sent to this contact, once when the alert is raised and again when it is sent.

    The follow-up of an emergency is sent by one channel only: by mail, or by SMS to a person without a mail address.
    """
    match audience, contact.relation:
        case Audience.NOBODY, _:
            return Withheld("invisible-to-patient")
        case Audience.HOLDER, "representative":
            return Withheld("invisible-to-representatives")
    if not preferences.wants(kind):
        return Unwanted("switched-off")
    if channel == "sms":
        if contact.mobile and contact.mail and kind == "emergency-follow-up":
            return Unwanted("told-by-mail")
        return Send(contact) if contact.mobile else Unwanted("no-mobile")
    return Send(contact) if contact.mail else Unwanted("no-address")


def group_alerts(due: Iterable[DueAlert]) -> list[tuple[DueAlert, ...]]:
    """Groups the alerts that are sent as one message: those of one kind about one record, and each emergency alone.

    The newest alert comes last and gives the message its id, so that a repeated message carries the id of the first
    and a message about more alerts carries another. All alerts of a group take the highest number of attempts among
    them, so that they are retried together.
    """
    groups: dict[tuple[UUID, str], list[DueAlert]] = {}
    for due_alert in sorted(due, key=lambda due_alert: (due_alert.created_at, due_alert.alert.id)):
        alert = due_alert.alert
        key = (alert.id, "") if alert.kind in ALWAYS_SENT_KINDS else (alert.record_id, alert.kind)
        groups.setdefault(key, []).append(due_alert)
    attempts = {key: max(due_alert.attempts for due_alert in group) for key, group in groups.items()}
    return [tuple(replace(due_alert, attempts=attempts[key]) for due_alert in group) for key, group in groups.items()]


AlertEnd = Delivered | Refused | Withheld | Unwanted
"""The outcomes with which an alert ends."""


class AlertStatus(NamedTuple):
    """The stored status of an alert, and its reason where there is one."""

    status: str
    reason: str | None = None


def status_of(end: AlertEnd | Send) -> AlertStatus:
    """Returns the stored status of an alert: `queued`, or the end it has come to."""
    match end:
        case Send():
            return AlertStatus("queued")
        case Delivered():
            return AlertStatus("sent")
        case Refused(reason):
            return AlertStatus("failed", reason)
        case Withheld(reason):
            return AlertStatus("withheld", reason)
        case Unwanted(reason):
            return AlertStatus("unwanted", reason)


def handled_at(end: AlertEnd, now: datetime) -> datetime:
    """Returns when the alert came to this end: when the gateway accepted it, otherwise now."""
    return end.at if isinstance(end, Delivered) else now
