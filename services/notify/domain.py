"""The rules of notifying: who may learn what, and how often. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from shared.runtime.clock import bucket_of
from shared.terminology.visibility import KNOWN_LABELS, Visibility

AlertKind = Literal["document", "consultation", "emergency", "emergency-follow-up"]
AlertChannel = Literal["mail", "sms"]
Channel = Literal["mail", "sms", "letter"]
Language = Literal["fr", "en"]
Relation = Literal["holder", "representative"]
Item = TypeVar("Item")

ALERT_CHANNELS: tuple[AlertChannel, ...] = ("mail", "sms")
EMERGENCY_KINDS: frozenset[AlertKind] = frozenset({"emergency", "emergency-follow-up"})
CONSULTATION_WINDOW_LENGTH = timedelta(hours=24)
EMERGENCY_SESSION_LENGTH = timedelta(hours=1)
_VERSION_8, _VARIANT = 8 << 76, 0b10 << 62


class Audience(StrEnum):
    """Which people of the patient side may learn that a document exists."""

    EVERYBODY = "everybody"
    HOLDER = "holder"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """How to reach the person of a record: addresses, language, and the person's relation to the record's holder."""

    mail: str | None
    language: Language
    relation: Relation
    mobile: str | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which kinds of alerts the person wants. Alerts of emergencies cannot be switched off."""

    document: bool = True
    consultation: bool = True

    def wants(self, kind: AlertKind) -> bool:
        """Whether alerts of this kind are switched on."""
        if kind in EMERGENCY_KINDS:
            return True
        return self.document if kind == "document" else self.consultation


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
        """When the cause occurred; events about the alert derive their own time from it."""
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

    `document_end`: why the document needs no alert any more.
    """

    alert: Alert
    attempts: int
    created_at: datetime
    recipient: Recipient | None
    document_end: str | None = None


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


@dataclass(frozen=True, slots=True)
class Delivered:
    """The gateway accepted the message at this moment.

    `sent_with`: the alert whose id the message carried, where that is another alert.
    """

    at: datetime = field(compare=False)
    sent_with: UUID | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway will never accept the message."""

    reason: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """This attempt failed; a later one may succeed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """The message was not attempted: its turn did not come, or its gateway is unavailable for the given reason."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AwaitingKey:
    """The message, or its address, is encrypted under a key that this process does not hold yet."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The message expired before it could be sent."""


GatewayAnswer = Delivered | Refused | Deferred | Skipped
"""The result of handing one message to a gateway."""
Retryable = Deferred | Skipped | AwaitingKey
"""Outcomes after which another attempt follows."""
AlertAttemptOutcome = GatewayAnswer | AwaitingKey | Withheld | Unwanted
MessageAttemptOutcome = GatewayAnswer | AwaitingKey | Expired


@dataclass(frozen=True, slots=True)
class MessageRequest:
    """A code, notice or letter that a service requested; its address and its values stay encrypted in `sealed`."""

    id: UUID
    record_id: UUID | None
    channel: Channel
    kind: str
    sealed: str
    requested_at: datetime
    expires_at: datetime | None
    trace: str
    is_awaited: bool = False

    @property
    def bucket(self) -> int:
        """The bucket of the record, or of the request where no record exists yet."""
        return bucket_of(self.record_id or self.id)

    def has_expired(self, now: datetime) -> bool:
        """Whether the message must not be sent any more."""
        return self.expires_at is not None and now >= self.expires_at


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A request that a sender holds, with the number of earlier attempts.

    `takes_unbound`: whether content that is not bound to its request is accepted.
    """

    request: MessageRequest
    attempts: int
    created_at: datetime
    takes_unbound: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class MessageContent:
    """The decrypted content of a request.

    `to` is a mail address, a mobile number, or the lines of a postal address; `values` fill the message's text.
    """

    to: str | tuple[str, ...]
    language: Language
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class OutgoingMessage:
    """One message, ready for a gateway. Each attempt to deliver it carries the same `id`."""

    id: UUID
    to: str
    body: bytes


def audience_of(labels: Iterable[str]) -> Audience:
    """Who may learn of a document with these labels. A label that this release does not know hides it from all."""
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


def emergency_session_id(record_id: UUID, professional_id: str, at: datetime) -> UUID:
    """Returns the id of an emergency session that carries none: one professional in one record in one clock hour.

    A UUIDv8 that begins with the time at which the hour began.
    """
    hour_start_ms = int(
        at.timestamp() // EMERGENCY_SESSION_LENGTH.total_seconds() * EMERGENCY_SESSION_LENGTH.total_seconds() * 1000
    )
    digest = hashlib.sha256(record_id.bytes + professional_id.encode() + hour_start_ms.to_bytes(8, "big")).digest()
    return UUID(int=hour_start_ms << 80 | _VERSION_8 | _VARIANT | int.from_bytes(digest[:6], "big"))


def alert_id(record_id: UUID, kind: AlertKind, cause: UUID, channel: AlertChannel = "mail") -> UUID:
    """Returns the deterministic id of an alert: a UUIDv8 with the time of its cause and the bucket of its record."""
    channel_bytes = b"" if channel == "mail" else channel.encode()
    digest = hashlib.sha256(b"alert" + kind.encode() + channel_bytes + record_id.bytes + cause.bytes).digest()
    random = int.from_bytes(digest[:10], "big")
    low = (random & 0x3FFF_FFFF_FFFF_0000) | bucket_of(record_id)
    return UUID(int=cause.int >> 80 << 80 | _VERSION_8 | (random >> 62 & 0xFFF) << 64 | _VARIANT | low)


class ConsultationWindow(NamedTuple):
    """A professional's consultations of a record raise one alert within 24 hours of the first.

    Consultations that are withheld from the person have windows of their own.
    """

    record_id: UUID
    professional_id: str
    is_withheld: bool


class Consultation(NamedTuple, Generic[Item]):
    """A consultation, the window it belongs to, and an item that stands for it."""

    window: ConsultationWindow
    at: datetime
    item: Item


def first_per_window(
    consultations: Iterable[Consultation[Item]], opened_at: Mapping[ConsultationWindow, datetime]
) -> list[Consultation[Item]]:
    """Returns the consultations that open a window of 24 hours, oldest first.

    `opened_at`: when the last window of each professional and record opened.
    """
    last_opened_at = dict(opened_at)
    first = []
    for consultation in sorted(consultations, key=lambda consultation: consultation.at):
        window, at, _ = consultation
        if window not in last_opened_at or at >= last_opened_at[window] + CONSULTATION_WINDOW_LENGTH:
            last_opened_at[window] = at
            first.append(consultation)
    return first
