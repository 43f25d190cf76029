"""Whether the watermarks of copies are recent enough to decide on. Pure: no clock, no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

HEARTBEAT_AHEAD = timedelta(minutes=1)
"""How far ahead of this machine's clock a heartbeat's moment may lie.

A heartbeat vouches for everything before its moment, so the bound is narrow. Decoding drops heartbeats beyond it; a
watermark beyond it that a database holds nevertheless (a wrong clock, an older release) counts as not fresh.
"""


def are_fresh(watermarks: Iterable[datetime | None], now: datetime, limit: timedelta) -> bool:
    """Whether every watermark is known, no older than `limit`, and not in the future. An empty list is not fresh."""
    marks = list(watermarks)
    return bool(marks) and all(at is not None and -HEARTBEAT_AHEAD <= now - at <= limit for at in marks)


def decoy_watermarks(
    watermarks: Mapping[str, Sequence[datetime]], topics: Iterable[str], number: int
) -> tuple[datetime | None, ...]:
    """The watermarks used for an aggregate that does not exist, one for each topic; None where the topic has none.

    `watermarks`: those of each topic in the order of partitions. A number always picks one partition, so that the
    answer "too old to be checked" comes as often, and as steadily, for what does not exist as for what does.
    """
    return tuple(marks[number % len(marks)] if (marks := watermarks.get(topic, ())) else None for topic in topics)
