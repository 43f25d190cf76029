"""The only source of time and ids, so that tests can set both.

Ids of what lies in a record are UUIDv8 (RFC 9562, section 5.8): 48 bits of Unix milliseconds, so that they sort by
time, and the record's bucket in the last 16 bits, so that one id names its shard.
"""

import hashlib
import os
import time
from datetime import UTC, datetime
from uuid import UUID

_VERSION_8 = 8 << 76
_VARIANT = 0b10 << 62


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)


def new_id(bucket: int | None = None) -> UUID:
    """A new UUIDv8; without a bucket the last 16 bits are random."""
    random = int.from_bytes(os.urandom(10), "big")
    low = random & 0x3FFF_FFFF_FFFF_FFFF
    if bucket is not None:
        low = (low & ~0xFFFF) | bucket
    high = (random >> 62) & 0xFFF
    return UUID(int=(time.time_ns() // 1_000_000) << 80 | _VERSION_8 | high << 64 | _VARIANT | low)


def bucket_of(record_id: UUID) -> int:
    """The record's bucket: 16 bits of a hash of its id."""
    return int.from_bytes(hashlib.sha256(record_id.bytes).digest()[:2], "big")


def bucket_in(inner_id: UUID) -> int:
    """The bucket carried by the id of something that lies in a record."""
    return inner_id.int & 0xFFFF


def made_at(id: UUID) -> datetime | None:
    """Returns when an id of this project was made; None for an id of another kind."""
    if id.version != 8:
        return None
    return datetime.fromtimestamp((id.int >> 80) / 1000, UTC)


def derived_id(cause: UUID, effect: str) -> UUID:
    """Returns the id of an effect of that cause: equal arguments give equal ids, with the cause's millisecond."""
    digest = int.from_bytes(hashlib.sha256(cause.bytes + effect.encode()).digest()[:10], "big")
    low, high = digest & 0x3FFF_FFFF_FFFF_FFFF, digest >> 62 & 0xFFF
    return UUID(int=(cause.int >> 80 << 80) | _VERSION_8 | high << 64 | _VARIANT | low)
