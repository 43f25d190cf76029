"""Moments that a request names, kept within bounds so that adding a year or changing the time zone never overflows."""

from datetime import UTC, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime

FRANCE: Final = ZoneInfo("Europe/Paris")
"""The zone of a date or time that names none."""
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""People write 9999-12-31 for "no end". Any moment from here on means the same."""


def bounded(moment: datetime) -> datetime:
    """Returns the moment in UTC, no earlier than EARLIEST and no later than LATEST."""
    if moment.year <= EARLIEST.year:
        return EARLIEST
    return LATEST if moment.year >= LATEST.year else moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(bounded)]
"""A moment with its time zone, in the body of a request."""
