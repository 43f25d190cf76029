"""Attempts to deliver, and the rules of retries: when a message is attempted again, and when it is given up. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, NamedTuple, TypeVar

from services.notify.domain import (
    AwaitingKey,
    Deferred,
    Delivered,
    DueMessage,
    Expired,
    MessageAttemptOutcome,
    Refused,
    Retryable,
    Skipped,
)

Due = TypeVar("Due")
AttemptOutcome = TypeVar("AttemptOutcome")

RETRY_PERIOD = timedelta(hours=48)
KEY_RETRY_DELAY = timedelta(minutes=5)
_RETRY_DELAYS_S = (5, 30, 120, 600, 3600, 7200, 14400, 21600, 28800, 43200)
_RETRY_DELAYS = tuple(timedelta(seconds=seconds) for seconds in _RETRY_DELAYS_S)
NOT_DELIVERED_IN_TIME = Refused("not-delivered-in-time")


class Attempt(NamedTuple, Generic[Due, AttemptOutcome]):
    """One attempt to deliver what was due, and its outcome."""

    due: Due
    outcome: AttemptOutcome


@dataclass(frozen=True, slots=True)
class RetryAt:
    """The message is attempted again at `due_at`; `attempts` counts the attempts so far."""

    reason: str | None
    attempts: int
    due_at: datetime


MessageState = RetryAt | Delivered | Refused | Expired
"""What becomes of a message after an attempt."""


def retry_delay(attempts: int) -> timedelta:
    """Returns the delay between the n-th failed attempt and the next: 5 seconds at first, 12 hours at most."""
    return _RETRY_DELAYS[min(attempts, len(_RETRY_DELAYS)) - 1]


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
    """Whether a message has failed for 48 hours and is given up. A message that waits for a key is never given up."""
    return isinstance(outcome, Deferred | Skipped) and now >= created_at + RETRY_PERIOD


def message_state_after(due: DueMessage, outcome: MessageAttemptOutcome, now: datetime) -> MessageState:
    """Returns the state of a message after an attempt: its end, or the time of the next attempt.

    A message is retried until it expires; one that never expires is retried for 48 hours.
    """
    if not isinstance(outcome, Retryable):
        return outcome
    if due.request.has_expired(now):
        return Expired()
    if due.request.expires_at is None and is_past_retry_period(outcome, due.created_at, now):
        return NOT_DELIVERED_IN_TIME
    retry = next_attempt(outcome, due.attempts, now)
    return retry if due.request.expires_at is None else replace(retry, due_at=min(retry.due_at, due.request.expires_at))
