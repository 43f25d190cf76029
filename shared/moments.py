"""Moments that a request names, held within bounds in which adding a year or changing the zone never overflows."""

from datetime import UTC, datetime
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime

FRANCE: Final = ZoneInfo("Europe/Paris")
"""The zone of a date or time that names none."""
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""People write 9999-12-31 for what has no end: from here on a moment says no more than that."""


def bounded(moment: datetime) -> datetime:
    """The moment in UTC, no earlier than EARLIEST and no later than LATEST."""
    if moment.year <= EARLIEST.year:
        return EARLIEST
    return LATEST if moment.year >= LATEST.year else moment.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(bounded)]
"""A moment with its zone, in the body of a request."""
