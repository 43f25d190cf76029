"""The rules of delivery: outcomes of attempts, the times of retries, and usable addresses."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from shared.delivery_retries import RETRY_PERIOD, retry_delay
from shared.errors import CodedError
from shared.human_text import clean_line, has_control_character
from shared.mail_addresses import mail_address
from shared.telephones import mobile_number


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


GatewayAnswer = Delivered | Refused | Deferred | Skipped
"""The result of handing one message to a gateway."""
Retryable = Deferred | Skipped | AwaitingKey
"""Outcomes after which another attempt follows."""


@dataclass(frozen=True, slots=True, repr=False)
class OutgoingMessage:
    """One message, ready for a gateway. `id` does not change between attempts to deliver it."""

    id: UUID
    to: str
    body: bytes


Due = TypeVar("Due")
AttemptOutcome = TypeVar("AttemptOutcome")
KEY_RETRY_DELAY = timedelta(minutes=5)
NOT_DELIVERED_IN_TIME = Refused("not-delivered-in-time")


class Attempt(NamedTuple, Generic[Due, AttemptOutcome]):
    """One attempt to deliver a due message, and its outcome."""

    due: Due
    outcome: AttemptOutcome


@dataclass(frozen=True, slots=True)
class RetryAt:
    """The message is attempted again at `due_at`; `attempts` counts the attempts so far."""

    reason: str | None
    attempts: int
    due_at: datetime


def next_attempt(outcome: Retryable, attempts: int, now: datetime) -> RetryAt:
    """Returns when to try again after this outcome; `attempts` is the number of attempts before this one."""
    match outcome:
        case Deferred(reason):
            return RetryAt(reason, attempts + 1, now + retry_delay(attempts + 1))
        case AwaitingKey():
            return RetryAt("key-unknown", attempts, now + KEY_RETRY_DELAY)
        case Skipped(reason):
            return RetryAt(reason, attempts, now)


def is_past_retry_period(outcome: object, created_at: datetime, now: datetime) -> bool:
    """Returns whether a message has failed for 48 hours and is given up; a message that waits for a key never is."""
    return isinstance(outcome, Deferred | Skipped) and now >= created_at + RETRY_PERIOD


RETENTION = timedelta(days=63)
"""How long handled messages are kept: longer than a topic retains its facts and a dead letter may be redriven."""


class AddressUnusableError(CodedError):
    """No mail can be sent to this address."""

    code = "address-unusable"


def normalised_mailbox(mail: str) -> str:
    """Returns a mail address in ASCII, in the form of RFC 5321. Raises AddressUnusableError."""
    address = mail_address(mail)
    if address is None:
        raise AddressUnusableError
    return address


MAX_ADDRESS_LINES = 7
"""The number of lines of an address: six of a French one (NF Z10-011), and one for the country."""
MAX_ADDRESS_LINE_LENGTH = 60
"""The number of characters of a line; NF Z10-011 has 38."""


def e164_number(number: str) -> str:
    """Returns a mobile number in the form of ITU-T E.164; a number without a country code is French.

    Raises AddressUnusableError.
    """
    parsed = mobile_number(number)
    if parsed is None:
        raise AddressUnusableError
    return parsed


def address_lines(lines: tuple[str, ...]) -> list[str]:
    """Returns the lines of a postal address without empty ones.

    Raises AddressUnusableError for lines that are too many, too long, or hold control characters.
    """
    kept = [stripped for line in lines if (stripped := clean_line(line))]
    fits = 1 <= len(kept) <= MAX_ADDRESS_LINES and all(len(line) <= MAX_ADDRESS_LINE_LENGTH for line in kept)
    if not fits or any(map(has_control_character, kept)):
        raise AddressUnusableError
    return kept
