"""The rules of requested codes, notices and letters: their states, and the values that fill their texts.

Values are checked, and formatted for readers, with times in Europe/Paris.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from babel.dates import format_date, format_datetime, format_time
from babel.numbers import format_decimal

from services.notify.delivery.domain import (
    NOT_DELIVERED_IN_TIME,
    AwaitingKey,
    Delivered,
    GatewayAnswer,
    Refused,
    Retryable,
    RetryAt,
    is_past_retry_period,
    next_attempt,
)
from services.notify.kit.kinds import LOCALES, Channel, Language
from services.notify.kit.sender import NO_BREAK_SPACE
from shared.errors import PermanentError
from shared.moments import FRANCE
from shared.runtime.clock import bucket_of


@dataclass(frozen=True, slots=True)
class Expired:
    """The message expired before it could be sent."""


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
        """Returns whether the message must not be sent any more."""
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


MessageState = RetryAt | Delivered | Refused | Expired
"""The states of a message after an attempt."""


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


MAX_DEVICE_LENGTH = 60
_CODE = re.compile(r"[A-Za-z0-9_-]{4,64}")
_COUNT = re.compile(r"[1-9][0-9]{0,2}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# A URL has no query, which could identify a person. Plain HTTP is for the local machine only.
_URL = re.compile(
    r"(https://[a-z0-9-]+(\.[a-z0-9-]+)*|http://(127\.0\.0\.1|localhost))(:[0-9]{1,5})?(/[A-Za-z0-9/_-]*)?", re.ASCII
)
_UTC = re.compile(r" ?UTC\Z")
_NOT_A_NAME = re.compile(r"[^\w ()+.,-]|_")
_NOT_A_NUMBER = re.compile(r"(?<![0-9])\.|\.(?![0-9])")


class ValuesUnfitError(PermanentError):
    """A value that this kind of message needs is missing or invalid."""

    code = "message-values-unfit"


def displayed_value(name: str, value: str, language: Language, *, short: bool) -> str:
    """Returns a value as readers see it; `short` for an SMS. Raises ValuesUnfitError, which quotes no value."""
    return _FORMATTERS[name](value, language, short)


def _format_code(value: str, _: Language, __: bool) -> str:
    """Formats a code in groups (123 456); a code with punctuation stays unchanged."""
    if _CODE.fullmatch(value) is None:
        raise ValuesUnfitError
    if not value.isalnum() or len(value) < 6:
        return value
    group_size = 3 if len(value) in (6, 9) else 4
    return NO_BREAK_SPACE.join(value[start : start + group_size] for start in range(0, len(value), group_size))


def _format_count(value: str, language: Language, _: bool) -> str:
    if _COUNT.fullmatch(value) is None:
        raise ValuesUnfitError
    return format_decimal(int(value), locale=LOCALES[language])


def _format_url(value: str, _: Language, __: bool) -> str:
    if len(value) > 100 or _URL.fullmatch(value) is None:
        raise ValuesUnfitError
    return value


def _format_moment(value: str, language: Language, short: bool) -> str:
    """Formats an ISO 8601 day, or a time with an offset or `UTC`: `1 mars 2026 à 14:05`, short `01/03/2026 14:05`."""
    locale = LOCALES[language]
    try:
        if _DAY.fullmatch(value):
            day = date.fromisoformat(value)
            return format_date(day, "dd/MM/yyyy", locale) if short else long_date(day, language)
        moment = datetime.fromisoformat(_UTC.sub("+00:00", value))
    except ValueError:
        raise ValuesUnfitError from None  # the cause quotes the value
    if moment.tzinfo is None:
        raise ValuesUnfitError
    if short:
        return format_datetime(moment, "dd/MM/yyyy HH:mm", FRANCE, locale)
    at = "à" if language == "fr" else "at"
    local = moment.astimezone(FRANCE)
    return f"{long_date(local.date(), language)} {at} {format_time(local, 'HH:mm', FRANCE, locale)}"


def _format_device(value: str, language: Language, _: bool) -> str:
    """Formats a device's name, which an unknown browser chose; refuses none, which would suppress the warning."""
    name = _NOT_A_NUMBER.sub(" ", _NOT_A_NAME.sub(" ", value[:1000]))
    cleaned = " ".join(name.split())[:MAX_DEVICE_LENGTH].strip()
    return cleaned or ("inconnu" if language == "fr" else "unknown")


def long_date(day: date, language: Language) -> str:
    """Formats a day: `1 mars 2026`, `1 March 2026`."""
    return format_date(day, "d MMMM y", LOCALES[language])


_FORMATTERS: dict[str, Callable[[str, Language, bool], str]] = {
    "code": _format_code,
    "minutes": _format_count,
    "hours": _format_count,
    "valid_until": _format_moment,
    "deadline": _format_moment,
    "when": _format_moment,
    "url": _format_url,
    "device": _format_device,
}
