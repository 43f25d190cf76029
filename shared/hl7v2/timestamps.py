"""Reads dates and times of HL7 v2 (TS, DTM): `YYYYMMDD[HH[MM[SS[.S+]]]][+/-ZZZZ]`.

Source: HL7 v2.5.1, chapter 2A (DTM). A value without a zone is in French time. A year or a month alone is no day.
Second 60 (a leap second) is the first of the next minute.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import Final

from shared.moments import FRANCE, bounded

_DTM: Final = re.compile(
    r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:\.\d+)?)?)?)?(?:([+-])(\d{2})(\d{2})?)?", re.ASCII
)
_LEAP_SECOND: Final = 60


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A moment in UTC; of a day without a time, its beginning."""

    at: datetime
    is_day: bool = False

    @property
    def end(self) -> datetime:
        """The moment itself; of a day, the beginning of the next in French time."""
        if not self.is_day:
            return self.at
        return bounded(self.at.astimezone(FRANCE) + timedelta(days=1))


def timestamp_of(text: str) -> Timestamp | None:
    """Returns the moment that a field names, None where it names none."""
    match = _DTM.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    is_leap_second = second == _LEAP_SECOND
    try:
        at = datetime(year, month, day, hour, minute, second - is_leap_second, tzinfo=_zone(match))
    except ValueError:
        return None
    return Timestamp(bounded(bounded(at) + timedelta(seconds=is_leap_second)), is_day=match[4] is None)


def _zone(match: re.Match[str]) -> tzinfo:
    """Returns the zone of a value, that of France where it names none. Raises ValueError."""
    sign, hours, minutes = match.groups()[6:]
    if sign is None:
        return FRANCE
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    return timezone(-offset if sign == "-" else offset)
