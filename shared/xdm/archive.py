"""Reads the directory and the entries of a ZIP archive from an untrusted sender.

Only what XDM archives need is taken: one file, stored or deflated entries, no ZIP64, nothing before or after. All
limits are checked on the directory, before a byte is unpacked, and no entry unpacks to more than the directory states.
Source: PKWARE APPNOTE 6.3, sections 4.3 to 4.5. Why not `zipfile`: docs/decisions/README.md.
"""

import re
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from shared.human_text import has_control_character
from shared.values import RedactedRepr
from shared.xdm.errors import ArchiveTooLargeError, EncryptedArchiveError, InvalidArchiveError, UnsafeNameError

MAX_ENTRIES: Final = 500
MAX_RATIO: Final = 250
"""Times that an entry may grow. Deflate reaches 1,032 with one repeated byte; CDAs reach about 30."""

_FREE_OF_RATIO: Final = 1_000_000
"""Bytes up to which the ratio of an entry does not count."""

_END: Final = struct.Struct("<4sHHHHIIH")
_CENTRAL: Final = struct.Struct("<4sHHHHHHIIIHHHHHII")
_LOCAL: Final = struct.Struct("<4sHHHHHIIIHH")
DESCRIPTOR: Final = struct.Struct("<III")
_END_MARK, _CENTRAL_MARK, _LOCAL_MARK, DESCRIPTOR_MARK = b"PK\5\6", b"PK\1\2", b"PK\3\4", b"PK\7\x08"
_MAX_COMMENT: Final = 0xFFFF
_ZIP64: Final = 0xFFFFFFFF
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
HAS_DESCRIPTOR: Final = 0x8
_IS_UTF8: Final = 0x800
_STORED, _DEFLATED = 0, 8
_FILE_TYPES: Final = frozenset({0, 0o100000, 0o040000})
"""The types of Unix that an entry may have: none stated, a file, a folder."""
_DRIVE: Final = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True, slots=True, repr=False)
class ArchiveEntry(RedactedRepr):
    """A file of the archive. `name`: its path with `/`. `start`, `end`: its bytes in the archive, maybe deflated.
    `offset`: where its local header begins."""

    name: str
    offset: int
    start: int
    end: int
    size: int
    crc: int
    is_stored: bool


@dataclass(frozen=True, slots=True)
class FileHeader:
    """A file header of the central directory. `at`: where it begins in the archive."""

    at: int
    flags: int
    method: int
    crc: int
    compressed: int
    size: int
    offset: int
    name: bytes
    file_type: int


@dataclass(frozen=True, slots=True)
class Directory:
    """The central directory. `start`, `end`: where it begins and ends; there the end record begins."""

    headers: list[FileHeader]
    start: int
    end: int


class Archive:
    """The files of an archive, found by their paths without regard to case."""

    def __init__(self, body: bytes, entries: list[ArchiveEntry]) -> None:
        self.body = body
        self.entries = {_key(entry.name): entry for entry in entries}
        if len(self.entries) < len(entries):
            raise UnsafeNameError

    @property
    def expanded_size(self) -> int:
        """The bytes of all files once they are unpacked."""
        return sum(entry.size for entry in self.entries.values())

    def find(self, path: str) -> ArchiveEntry | None:
        """Returns the file with this path, or None."""
        return self.entries.get(_key(path))

    def read(self, entry: ArchiveEntry) -> bytes:
        """Returns the content of a file. Raises InvalidArchiveError where it is not what the directory states."""
        content = self.body[entry.start : entry.end]
        if not entry.is_stored:
            content = _inflate(content, entry.size)
        if len(content) != entry.size or zlib.crc32(content) != entry.crc:
            raise InvalidArchiveError("A file of the archive is damaged: its checksum differs. Send it again.")
        return content


def read_archive(body: bytes, limit: int) -> Archive:
    """Returns the files of an archive, none of them unpacked yet. `limit`: the bytes of all files once unpacked.

    Raises InvalidArchiveError.
    """
    directory = read_directory(body)
    entries: list[ArchiveEntry] = []
    free_from = 0
    for header in sorted(directory.headers, key=lambda header: header.offset):
        start = _start_of(body, header)
        end = start + header.compressed
        if header.offset < free_from or end > directory.start:
            raise InvalidArchiveError("Entries of the archive overlap.")
        free_from = end + _descriptor_length(body, header, end)
        if free_from > directory.start:
            raise InvalidArchiveError("Entries of the archive overlap.")
        name = _name_of(header)
        if name is not None:
            entries.append(_entry(name, header, start, end))
    archive = Archive(body, entries)
    if archive.expanded_size > limit:
        raise ArchiveTooLargeError(f"The files of the archive are larger than the {limit} bytes that are taken here.")
    return archive


def read_directory(body: bytes) -> Directory:
    """Returns the central directory, its entries checked. Raises InvalidArchiveError."""
    at = body.rfind(_END_MARK, max(0, len(body) - _END.size - _MAX_COMMENT))
    if at < 0 or at + _END.size > len(body):
        raise InvalidArchiveError
    _, disk, first_disk, own_count, count, size, start, comment = _END.unpack_from(body, at)
    if at + _END.size + comment != len(body) or start + size != at:
        raise InvalidArchiveError("The archive is cut, is in ZIP64, or has something before or after it.")
    if disk or first_disk or own_count != count:
        raise InvalidArchiveError("The archive is one of several parts. Send it in one.")
    if count > MAX_ENTRIES:
        raise ArchiveTooLargeError(f"The archive has more than {MAX_ENTRIES} entries.")
    headers = list(_headers(body, start, at, count))
    for header in headers:
        _check(header)
    return Directory(headers, start, at)


def _headers(body: bytes, at: int, end: int, count: int) -> Iterator[FileHeader]:
    for _ in range(count):
        if at + _CENTRAL.size > end:
            raise InvalidArchiveError
        fields = _CENTRAL.unpack_from(body, at)
        mark, flags, method, crc, compressed, size = fields[0], fields[3], fields[4], *fields[7:10]
        name_length, extra, comment, disk = fields[10:14]
        name_at = at + _CENTRAL.size
        next_at = name_at + name_length + extra + comment
        if mark != _CENTRAL_MARK or next_at > end or disk or _ZIP64 in (compressed, size, fields[16]):
            raise InvalidArchiveError
        name = body[name_at : name_at + name_length]
        yield FileHeader(at, flags, method, crc, compressed, size, fields[16], name, fields[15] >> 16 & 0o170000)
        at = next_at
    if at != end:
        raise InvalidArchiveError


def _check(header: FileHeader) -> None:
    if header.flags & _ENCRYPTED:
        raise EncryptedArchiveError
    if header.method not in (_STORED, _DEFLATED):
        raise InvalidArchiveError("The archive has an entry that is neither stored nor deflated.")
    if header.file_type not in _FILE_TYPES:
        raise UnsafeNameError
    if header.method == _STORED and header.size != header.compressed:
        raise InvalidArchiveError
    if header.size > max(_FREE_OF_RATIO, MAX_RATIO * header.compressed):
        raise ArchiveTooLargeError(f"An entry of the archive grows more than {MAX_RATIO} times.")


def _entry(name: str, header: FileHeader, start: int, end: int) -> ArchiveEntry:
    is_stored = header.method == _STORED
    return ArchiveEntry(name, header.offset, start, end, header.size, header.crc, is_stored)


def _start_of(body: bytes, header: FileHeader) -> int:
    """Returns where the bytes of the entry begin, after its local header, which must agree with the directory."""
    if header.offset + _LOCAL.size > len(body):
        raise InvalidArchiveError
    mark, _, flags, method, _, _, crc, compressed, size, name_length, extra = _LOCAL.unpack_from(body, header.offset)
    name_at = header.offset + _LOCAL.size
    stated = (crc, compressed, size)
    is_same = stated == (header.crc, header.compressed, header.size) or (
        flags & HAS_DESCRIPTOR and set(stated) <= {0, *(header.crc, header.compressed, header.size)}
    )
    if (
        mark != _LOCAL_MARK
        or (flags ^ header.flags) & (_ENCRYPTED | HAS_DESCRIPTOR)
        or method != header.method
        or not is_same
        or body[name_at : name_at + name_length] != header.name
    ):
        raise InvalidArchiveError("A header in the archive contradicts its directory.")
    return int(name_at + name_length + extra)


def _descriptor_length(body: bytes, header: FileHeader, at: int) -> int:
    """Returns the length of the data descriptor after the entry, which must agree with the directory."""
    if not header.flags & HAS_DESCRIPTOR:
        return 0
    mark = len(DESCRIPTOR_MARK) if body.startswith(DESCRIPTOR_MARK, at) else 0
    expected = DESCRIPTOR.pack(header.crc, header.compressed, header.size)
    if not body.startswith(expected, at + mark):
        raise InvalidArchiveError("A data descriptor in the archive contradicts its directory.")
    return mark + DESCRIPTOR.size


def _name_of(header: FileHeader) -> str | None:
    """Returns the path of a file, None for a folder. Raises UnsafeNameError.

    Names are UTF-8, whatever the flag says, or else code page 437. Windows programs write backslashes.
    """
    try:
        text = header.name.decode()
    except UnicodeDecodeError:
        if header.flags & _IS_UTF8:
            raise InvalidArchiveError from None
        text = header.name.decode("cp437")
    text = text.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or has_control_character(text) or _DRIVE.match(text) or not parts:
        raise UnsafeNameError
    if text.endswith("/"):
        if header.size:
            raise InvalidArchiveError
        return None
    return "/".join(parts)


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _inflate(content: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflater.decompress(content, size + 1)
    except zlib.error:
        raise InvalidArchiveError("A file of the archive cannot be unpacked. Send it again.") from None
    if not inflater.eof or inflater.unused_data:
        raise InvalidArchiveError("A file of the archive is not of the size that its directory states.")
    return inflated
