"""HL7 timestamps as ISO 8601 texts that are as precise as their author wrote them."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

from shared.cda.summary import parse_time

_PARTS: Final = re.compile(r"(\d{4})(\d\d)?(\d\d)?(?:\d\d(\d\d)?(\d\d)?(?:\.\d+)?)?(?:[+-]\d\d(?:\d\d)?)?", re.ASCII)


@lru_cache(maxsize=1024)
def iso_time(value: str) -> str | None:
    """Returns an HL7 timestamp (TS) as 2026, 2026-03, 2026-03-12, 2026-03-12T09:30+01:00 or with seconds.

    None for a time that does not exist, such as 20092012. A time of day without a zone is French time. An hour without
    its minutes is left out.
    """
    match = _PARTS.fullmatch(value)
    moment = parse_time(value) if match is not None else None
    if match is None or moment is None:
        return None
    year, month, day, minutes, seconds = match.groups()
    if "00" in (month, day):
        return None
    if minutes is None:
        return "-".join(part for part in (year, month, day) if part)
    return moment.isoformat(timespec="seconds" if seconds else "minutes")


def moment_of(text: str) -> datetime | None:
    """Returns the first moment of a text that `iso_time` returned, in French time where it names no zone."""
    return datetime.fromisoformat(text) if "T" in text else parse_time(text.replace("-", ""))
