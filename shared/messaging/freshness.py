"""When the watermarks of copies are young enough to decide on. Pure: no clock, no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

HEARTBEAT_AHEAD = timedelta(minutes=1)
"""How far ahead of this machine's clock a heartbeat's moment may lie.

A heartbeat vouches for everything before its moment, so the bound is narrow. Decoding drops what lies beyond it;
whatever stands in a database nevertheless (a wrong clock, an older version of this software) vouches for nothing.
"""


def are_fresh(watermarks: Iterable[datetime | None], now: datetime, limit: timedelta) -> bool:
    """Whether every watermark is known, no older than `limit`, and not in the future. None at all are not fresh."""
    marks = list(watermarks)
    return bool(marks) and all(at is not None and -HEARTBEAT_AHEAD <= now - at <= limit for at in marks)


def decoy_watermarks(
    watermarks: Mapping[str, Sequence[datetime]], topics: Iterable[str], number: int
) -> tuple[datetime | None, ...]:
    """The watermarks that stand for what does not exist, one for each topic; None where the topic has none.

    `watermarks`: those of each topic in the order of partitions. The same number always picks the same partition, so
    that "too old to be checked" is said as often, and as steadily, of what does not exist as of what does.
    """
    return tuple(marks[number % len(marks)] if (marks := watermarks.get(topic, ())) else None for topic in topics)
