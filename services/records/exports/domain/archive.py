"""The bytes of a ZIP archive around the contents of its files, as they follow from names, sizes and checksums alone.

Files are stored, not compressed, so that the archive's size is a sum and its bytes can be made, and checked, in their
order. Source: APPNOTE.TXT 6.3.10 (PKWARE), sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.14 to 4.3.16
(ends, ZIP64). Written by hand, because libraries write descriptors whose bytes depend on their release, and a copy is
verified byte for byte years later.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_LOCAL: Final = struct.Struct("<IHHHHHIIIHH")
_CENTRAL: Final = struct.Struct("<IHHHHHHIIIHHHHHII")
_END: Final = struct.Struct("<IHHHHIIH")
_END_64: Final = struct.Struct("<IQHHIIQQQQ")
_LOCATOR_64: Final = struct.Struct("<IIQI")
_OFFSET_64: Final = struct.Struct("<HHQ")
_STORED, _PLAIN_VERSION, _ZIP64_VERSION = 0, 20, 45
_MADE_BY_UNIX, _REGULAR_FILE = 3 << 8, 0o100644 << 16
_LARGEST_32: Final = 0xFFFF_FFFF
_MOST_16: Final = 0xFFFF
_FIRST_YEAR: Final = 1980


class ArchiveError(ValueError):
    """A file does not fit in an archive of this form."""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file in an archive. `name`: its path, ASCII; `size`: bytes, below 4 GiB; `crc`: CRC-32 of its bytes."""

    name: str
    size: int
    crc: int


def local_header(file: ArchivedFile, made_at: datetime) -> bytes:
    """Returns the bytes that stand before the file's content. Raises ArchiveError."""
    name = _name(file)
    day, time = _dos_time(made_at)
    head = (0x04034B50, _PLAIN_VERSION, 0, _STORED, time, day, file.crc, file.size, file.size, len(name), 0)
    return _LOCAL.pack(*head) + name


def directory(files: Sequence[ArchivedFile], made_at: datetime) -> bytes:
    """Returns the bytes that stand behind the last content: the central directory and the end of the archive."""
    entries, offset = [], 0
    for file in files:
        entries.append(_central_header(file, offset, made_at))
        offset += _local_size(file) + file.size
    central = b"".join(entries)
    return central + _end(len(files), len(central), offset)


def archive_size(files: Sequence[ArchivedFile], made_at: datetime) -> int:
    """Returns the number of bytes of the whole archive."""
    return sum(_local_size(file) + file.size for file in files) + len(directory(files, made_at))


def _local_size(file: ArchivedFile) -> int:
    return _LOCAL.size + len(file.name)


def _central_header(file: ArchivedFile, offset: int, made_at: datetime) -> bytes:
    name, is_far = _name(file), offset >= _LARGEST_32
    day, time = _dos_time(made_at)
    version = _ZIP64_VERSION if is_far else _PLAIN_VERSION
    extra = _OFFSET_64.pack(1, 8, offset) if is_far else b""
    head = (
        *(0x02014B50, _MADE_BY_UNIX | version, version, 0, _STORED, time, day, file.crc, file.size, file.size),
        *(len(name), len(extra), 0, 0, 0, _REGULAR_FILE, _LARGEST_32 if is_far else offset),
    )
    return _CENTRAL.pack(*head) + name + extra


def _end(count: int, size: int, offset: int) -> bytes:
    """Returns the end of the archive, with a ZIP64 end before it where a number does not fit."""
    far = b""
    if count >= _MOST_16 or size >= _LARGEST_32 or offset >= _LARGEST_32:
        made_by = _MADE_BY_UNIX | _ZIP64_VERSION
        end = (0x06064B50, _END_64.size - 12, made_by, _ZIP64_VERSION, 0, 0, count, count, size, offset)
        far = _END_64.pack(*end) + _LOCATOR_64.pack(0x07064B50, 0, offset + size, 1)
    short = min(count, _MOST_16)
    return far + _END.pack(0x06054B50, 0, 0, short, short, min(size, _LARGEST_32), min(offset, _LARGEST_32), 0)


def _name(file: ArchivedFile) -> bytes:
    if file.size >= _LARGEST_32:
        raise ArchiveError("a file has 4 GiB or more")
    try:
        return file.name.encode("ascii")
    except UnicodeEncodeError:
        raise ArchiveError("the name of a file is not ASCII") from None


def _dos_time(moment: datetime) -> tuple[int, int]:
    """Returns the day and the time (UTC, of two seconds) in MS-DOS form."""
    at = moment.astimezone(UTC)
    day = (at.year - _FIRST_YEAR) << 9 | at.month << 5 | at.day
    return day, at.hour << 11 | at.minute << 5 | at.second // 2
