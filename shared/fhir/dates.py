"""Reads FHIR dateTimes in a Period: a day, month or year stands for the whole of it, in French time.

Source: http://hl7.org/fhir/R4/datatypes.html#Period (an end without a time includes that whole day, month or year).
"""

import re
from datetime import datetime
from typing import Final

from shared.moments import FRANCE

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_LAST_YEAR: Final = 9000


def first_moment(value: object) -> object:
    """Returns the first moment of a date; other values unchanged, for the validator of moments to check.

    Raises ValueError for a day that does not exist.
    """
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    return value if match is None else _begin(int(match[1]), int(match[2] or 1), int(match[3] or 1))


def end_of(value: object) -> object:
    """Returns the first moment after a date, which begins the next day, month or year. Else like `first_moment`."""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    year, month, day = int(match[1]), int(match[2] or 1), int(match[3] or 1)
    begin = _begin(year, month, day)
    if begin.year >= _LAST_YEAR:
        return begin
    if match[2] is None:
        return _begin(year + 1, 1, 1)
    if match[3] is None:
        return _begin(year + month // 12, month % 12 + 1, 1)
    following = begin.date().fromordinal(begin.toordinal() + 1)
    return _begin(following.year, following.month, following.day)


def includes(end: str, start: str, moment: datetime) -> bool:
    """Returns whether the start of a period, as text and as a moment, lies in the day, month or year that its end
    names, in French time or in the zone of the start."""
    after = end_of(end)
    return isinstance(after, datetime) and (moment < after or start.startswith(end))


def _begin(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=FRANCE)
