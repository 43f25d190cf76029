"""The rules of telling: who may be told what, once, and how long a message is tried. Pure."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeVar
from uuid import UUID

from shared.runtime.clock import bucket_of
from shared.terminology.visibility import KNOWN_LABELS, Visibility

Kind = Literal["document", "consultation", "emergency", "emergency-follow-up"]
AlertChannel = Literal["mail", "sms"]
Channel = Literal["mail", "sms", "letter"]
Language = Literal["fr", "en"]
Relation = Literal["holder", "representative"]
Window = tuple[UUID, str, bool]
"""A record, a professional, and whether what the professional reads there must be withheld from the person."""
T = TypeVar("T")

ALERT_CHANNELS: tuple[AlertChannel, ...] = ("mail", "sms")
EMERGENCY_KINDS: frozenset[Kind] = frozenset({"emergency", "emergency-follow-up"})
CONSULTATION_WINDOW = timedelta(hours=24)
EMERGENCY_WINDOW = timedelta(hours=1)
TRIED_FOR = timedelta(hours=48)
KEY_WAIT = timedelta(minutes=5)
_WAITS = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 7200, 14400, 21600, 28800, 43200))
_VERSION_8, _VARIANT = 8 << 76, 0b10 << 62


class Audience(StrEnum):
    """Which of the record's people may know that a document is there."""

    EVERYBODY = "everybody"
    HOLDER = "holder"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True, repr=False)
class Contact:
    """Where, in which language and as whom a person is told things."""

    mail: str | None
    language: Language
    relation: Relation
    mobile: str | None = None


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which kinds of alerts the person wants. Emergencies are not a matter of choice."""

    document: bool = True
    consultation: bool = True

    def wants(self, kind: Kind) -> bool:
        """Whether this kind is switched on."""
        if kind in EMERGENCY_KINDS:
            return True
        return self.document if kind == "document" else self.consultation


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert of one cause by one channel, to leave at once or `not_before`; `trace`, `caused_at`: of its cause."""

    id: UUID
    record_id: UUID
    kind: Kind
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
        """When its cause occurred: what is announced of the alert derives its own time from it."""
        return self.caused_at


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of the person of a record: the sealed contact, whether it may be unbound, the preferences."""

    sealed: str
    preferences: Preferences
    takes_unbound: bool = False


@dataclass(frozen=True, slots=True)
class DueAlert:
    """An alert that a sender holds, with how often it was tried before and what is known of its person now.
    `document_end`: why its document is no news any more."""

    alert: Alert
    attempts: int
    created_at: datetime
    circumstances: Circumstances | None
    document_end: str | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """The person is told, at this contact."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class Withheld:
    """The person must not be told."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unwanted:
    """The person does not want to be told, or cannot be."""

    reason: str


Decision = Send | Withheld | Unwanted


@dataclass(frozen=True, slots=True)
class Delivered:
    """The server has taken the message, at this moment. `sent_with`: the alert under whose id, if under another's."""

    at: datetime = field(compare=False)
    sent_with: UUID | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """The server will never take the message."""

    reason: str


TOO_LATE = Refused("not-delivered-in-time")


@dataclass(frozen=True, slots=True)
class Deferred:
    """This attempt failed, a later one may not."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotTried:
    """Nothing was said about the message: its turn did not come, or its gateway is away for the given reason."""

    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AwaitingKey:
    """The message, or where it is to go, is sealed under a key that is not here yet."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The message came too late to be of use; it was not handed over."""


Answer = Delivered | Refused | Deferred | NotTried
"""What becomes of handing one message over."""
Again = Deferred | NotTried | AwaitingKey
Outcome = Answer | AwaitingKey | Withheld | Unwanted
MessageOutcome = Answer | AwaitingKey | Expired


@dataclass(frozen=True, slots=True)
class RetryAt:
    """A message waits for its next attempt."""

    reason: str | None
    attempts: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """A code, notice or letter that somebody asked to be sent; whom it is for and what it says stay sealed."""

    id: UUID
    record_id: UUID | None
    channel: Channel
    kind: str
    sealed: str
    requested_at: datetime
    expires_at: datetime | None
    trace: str
    awaited: bool = False

    @property
    def bucket(self) -> int:
        """Of its record; of the request itself where no record exists yet."""
        return bucket_of(self.record_id or self.id)

    def has_expired(self, now: datetime) -> bool:
        """Whether it would be of no use any more."""
        return self.expires_at is not None and now >= self.expires_at


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A request that a sender holds, with how often it was tried before, and whether its seal may be unbound."""

    request: Request
    attempts: int
    created_at: datetime
    takes_unbound: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Addressed:
    """What a request says when it is opened: `to` is a mail address, a mobile number, or the lines of an address."""

    to: str | tuple[str, ...]
    language: Language
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, repr=False)
class Parcel:
    """One message, ready for a gateway. `id` is the same each time it is handed over."""

    id: UUID
    to: str
    body: bytes


def audience(labels: Iterable[str]) -> Audience:
    """Who may know of a document with these labels. A label that this release does not know may hide it."""
    carried = frozenset(labels)
    if Visibility.INVISIBLE_TO_PATIENT.value in carried or not carried <= KNOWN_LABELS:
        return Audience.NOBODY
    return Audience.HOLDER if Visibility.INVISIBLE_TO_REPRESENTATIVES.value in carried else Audience.EVERYBODY


def decide(
    kind: Kind, may_know: Audience, contact: Contact, preferences: Preferences, channel: AlertChannel = "mail"
) -> Decision:
    """Whether the person at this contact is told. Asked when the alert is born and again when it is sent.

    The end of an emergency is told once: by mail, or by SMS who is reached by nothing else.
    """
    match may_know, contact.relation:
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


def emergency_of(record_id: UUID, professional_id: str, at: datetime) -> UUID:
    """What stands for a session that nobody named: a professional in a record within an hour of the clock."""
    begun = int(at.timestamp() // EMERGENCY_WINDOW.total_seconds() * EMERGENCY_WINDOW.total_seconds() * 1000)
    digest = hashlib.sha256(record_id.bytes + professional_id.encode() + begun.to_bytes(8, "big")).digest()
    return UUID(int=begun << 80 | _VERSION_8 | _VARIANT | int.from_bytes(digest[:6], "big"))


def alert_id(record_id: UUID, kind: Kind, cause: UUID, channel: AlertChannel = "mail") -> UUID:
    """The id of the alert of one cause, the same each time: UUIDv8 with the cause's time and the record's bucket."""
    by = b"" if channel == "mail" else channel.encode()
    digest = hashlib.sha256(b"alert" + kind.encode() + by + record_id.bytes + cause.bytes).digest()
    random = int.from_bytes(digest[:10], "big")
    low = (random & 0x3FFF_FFFF_FFFF_0000) | bucket_of(record_id)
    return UUID(int=cause.int >> 80 << 80 | _VERSION_8 | (random >> 62 & 0xFFF) << 64 | _VARIANT | low)


def first_of_each_day(
    consultations: Iterable[tuple[Window, datetime, T]], told: Mapping[Window, datetime]
) -> list[tuple[Window, datetime, T]]:
    """Those that open a window of 24 hours; `told`: when the last window of each professional and record opened."""
    last = dict(told)
    opening = []
    for window, at, one in sorted(consultations, key=lambda item: item[1]):
        if window not in last or at >= last[window] + CONSULTATION_WINDOW:
            last[window] = at
            opening.append((window, at, one))
    return opening


def wait_after(attempts: int) -> timedelta:
    """How long after the n-th failed attempt the next is due."""
    return _WAITS[min(attempts, len(_WAITS)) - 1]


def put_off(outcome: Again, attempts: int, now: datetime) -> RetryAt:
    """When a message is tried again that was tried `attempts` times before."""
    match outcome:
        case Deferred(reason):
            return RetryAt(reason, attempts + 1, now + wait_after(attempts + 1))
        case AwaitingKey():
            return RetryAt("key-unknown", attempts, now + KEY_WAIT)
        case NotTried(reason):
            return RetryAt(reason, attempts, now)


def is_too_late(outcome: object, created_at: datetime, now: datetime) -> bool:
    """Whether a message has been tried for so long that it has failed. What waits for a key was never tried."""
    return isinstance(outcome, Deferred | NotTried) and now >= created_at + TRIED_FOR


def judge_message(due: DueMessage, outcome: MessageOutcome, now: datetime) -> RetryAt | Delivered | Refused | Expired:
    """What an attempt means: done with, or again until it expires; what never expires is tried for two days."""
    if not isinstance(outcome, Again):
        return outcome
    if due.request.has_expired(now):
        return Expired()
    if due.request.expires_at is None and is_too_late(outcome, due.created_at, now):
        return TOO_LATE
    again = put_off(outcome, due.attempts, now)
    return again if due.request.expires_at is None else replace(again, due_at=min(again.due_at, due.request.expires_at))
