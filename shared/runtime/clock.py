"""The only source of time and ids, so that tests can set both.

Ids of items in a record are UUIDv8 (RFC 9562, section 5.8): 48 bits of Unix milliseconds, so that they sort by time,
and the record's bucket in the last 16 bits, so that the id alone names its shard.
"""

import hashlib
import os
import time
from datetime import UTC, datetime
from uuid import UUID

RANDOM_BYTES = 10
"""Number of bytes of a UUIDv8 after its time."""
_VERSION_8 = 8 << 76
_VARIANT = 0b10 << 62
_LAST_MILLISECOND = (1 << 48) - 1


def now() -> datetime:
    """Returns the present time in UTC."""
    return datetime.now(UTC)


def new_id(bucket: int | None = None) -> UUID:
    """Returns a new UUIDv8; without a bucket the last 16 bits are random."""
    return uuid8(time.time_ns() // 1_000_000, os.urandom(RANDOM_BYTES), bucket)


def uuid8(milliseconds: int, random: bytes, bucket: int | None = None) -> UUID:
    """Returns the UUIDv8 of a Unix time in milliseconds and 10 bytes. Six bits of the bytes are replaced by version
    and variant, the last 16 by the bucket if there is one."""
    number = int.from_bytes(random, "big")
    low = number & 0x3FFF_FFFF_FFFF_FFFF
    if bucket is not None:
        low = (low & ~0xFFFF) | bucket
    return UUID(int=milliseconds << 80 | _VERSION_8 | (number >> 62 & 0xFFF) << 64 | _VARIANT | low)


def bucket_of(record_id: UUID) -> int:
    """Returns the record's bucket: 16 bits of a hash of its id."""
    return int.from_bytes(hashlib.sha256(record_id.bytes).digest()[:2], "big")


def bucket_in(inner_id: UUID) -> int:
    """Returns the bucket in the id of an item that belongs to a record."""
    return inner_id.int & 0xFFFF


def made_at(id: UUID) -> datetime | None:
    """Returns when an id of this project was made; None for an id of another kind."""
    if id.version != 8:
        return None
    return datetime.fromtimestamp(millisecond_of(id) / 1000, UTC)


def millisecond_of(id: UUID) -> int:
    """Returns the Unix time in milliseconds at the beginning of a UUIDv8."""
    return id.int >> 80


def first_id_at(moment: datetime) -> UUID:
    """Returns the smallest id of that millisecond; ids sort by time."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=min(max(milliseconds, 0), _LAST_MILLISECOND) << 80)


def hashed_id(content: bytes) -> UUID:
    """Returns the id of a content: a UUIDv8 of the first 16 bytes of its SHA-256, which says no time."""
    number = int.from_bytes(hashlib.sha256(content).digest()[:16], "big")
    return UUID(int=(number & ~(0xF << 76) & ~(0b11 << 62)) | _VERSION_8 | _VARIANT)


def derived_id(cause: UUID, effect: str) -> UUID:
    """Returns the id of an effect of that cause: equal arguments give equal ids, with the cause's millisecond."""
    digest = hashlib.sha256(cause.bytes + effect.encode()).digest()
    return uuid8(millisecond_of(cause), digest[:RANDOM_BYTES])
