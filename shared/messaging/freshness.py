"""Decides whether the watermarks of copies are recent enough. Pure: no clock, no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

HEARTBEAT_AHEAD = timedelta(minutes=1)
"""How far ahead of this machine's clock the moment of a heartbeat may be. A heartbeat means that everything before
its moment was sent, so the bound is narrow. Decoding drops heartbeats beyond it. A stored watermark beyond it (from
a wrong clock or an older release) counts as not fresh."""


def are_fresh(watermarks: Iterable[datetime | None], now: datetime, limit: timedelta) -> bool:
    """Whether every watermark is present, no older than `limit`, and not in the future. An empty list is not fresh."""
    marks = list(watermarks)
    return bool(marks) and all(at is not None and -HEARTBEAT_AHEAD <= now - at <= limit for at in marks)


def decoy_watermarks(
    watermarks: Mapping[str, Sequence[datetime]], topics: Iterable[str], number: int
) -> tuple[datetime | None, ...]:
    """Returns the watermarks used for an aggregate that does not exist, one per topic; None for a topic without any.

    `watermarks`: those of each topic in the order of partitions. Each number always picks the same partition. The
    answer "too old to be checked" is therefore as frequent and as stable for aggregates that do not exist as for
    existing ones.
    """
    return tuple(marks[number % len(marks)] if (marks := watermarks.get(topic, ())) else None for topic in topics)
