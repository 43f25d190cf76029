"""Reads Kafka records whose header names are not UTF-8; without it the client would stop at them for good.

aiokafka 0.14 decodes header names in C, and `getmany` raises at such a record every time. `install` makes the client
read the batch again in Python with surrogate escapes (PEP 383), so that the record reaches its consumer.
"""

from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher as fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH_AT, _LOG_OVERHEAD = 8, 12
"""Record batch, version 2: base offset (8 bytes), length of the rest (4 bytes)."""


class _LenientBytes(bytearray):
    """Bytes whose slices decode to text for any content."""

    def __getitem__(self, index: Any) -> Any:
        part = super().__getitem__(index)
        return _LenientBytes(part) if isinstance(index, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return super().decode(encoding, "surrogateescape")


class _Batch:
    """One record batch, at `span` of the fetched bytes; `fast` is the client's view of it."""

    def __init__(self, fast: Any, source: bytes, span: slice) -> None:
        self._fast, self._source, self._span = fast, source, span

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)

    def __next__(self) -> Any:
        return next(self._fast)

    def __iter__(self) -> Iterator[Any]:
        count = 0
        try:
            for record in self._fast:
                yield record
                count += 1
        except UnicodeDecodeError:
            batch: Any = _DefaultRecordBatchPy(self._source[self._span])
            batch._maybe_uncompress()
            batch._buffer = _LenientBytes(batch._buffer)
            yield from list(batch)[count:]


class LenientRecords:
    """The record batches of one fetched partition."""

    def __init__(self, source: bytes) -> None:
        self._records, self._source, self._at = MemoryRecords(source), source, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)

    def next_batch(self) -> _Batch | None:
        """Returns the next batch; None after the last."""
        fast = self._records.next_batch()
        if fast is None:
            return None
        begin = self._at
        length = int.from_bytes(self._source[begin + _LENGTH_AT : begin + _LOG_OVERHEAD], "big")
        self._at = begin + _LOG_OVERHEAD + length
        return _Batch(fast, self._source, slice(begin, self._at))


def install() -> None:
    """Makes every Kafka consumer of this process read with `LenientRecords`."""
    fetcher.MemoryRecords = LenientRecords
