"""Moments that a request names, kept within bounds so that adding a year or changing the time zone never overflows."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticKnownError

FRANCE: Final = ZoneInfo("Europe/Paris")
"""The zone of a date or time that names none."""
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""People write 9999-12-31 for "no end". Any moment from here on means the same."""
_LEAP_SECOND = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:)60(?:\.\d+)?([Z+-].*)", re.ASCII)


def after_leap_second(value: Any) -> Any:
    """Returns the first moment of the next minute for a text with second 60 (RFC 3339); other texts as they are.

    Raises PydanticKnownError for what is no text: a number is no moment.
    """
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise PydanticKnownError("datetime_type")
    match = _LEAP_SECOND.fullmatch(value)
    if match is None:
        return value
    try:
        return datetime.fromisoformat(f"{match[1]}59{match[2]}") + timedelta(seconds=1)
    except (ValueError, OverflowError):
        return value


def bounded(moment: datetime) -> datetime:
    """Returns the moment in UTC, no earlier than EARLIEST and no later than LATEST."""
    if moment.year <= EARLIEST.year:
        return EARLIEST
    return LATEST if moment.year >= LATEST.year else moment.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class PartialDates:
    """The dates of a document that name only a day, month or year: `2026-03-12`, `2026-03` or `2026`.

    None where a date names a moment. Beside each one stands its first moment, in French time.
    """

    creation: str | None = None
    period_start: str | None = None
    period_end: str | None = None


NO_PARTIAL_DATES: Final = PartialDates()

Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(after_leap_second), AfterValidator(bounded)]
"""A moment with its time zone, in the body of a request."""
