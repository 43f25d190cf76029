"""Replaces the content of single files of a ZIP archive. Every other byte stays, and so does the order of the files.

Only what must follow from a content changes beside it: its checksum and sizes, wherever they stand, and the offsets of
what comes after it. Source: PKWARE APPNOTE 6.3, sections 4.3.7 to 4.3.16.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from shared.xdm.archive import (
    DESCRIPTOR,
    DESCRIPTOR_MARK,
    HAS_DESCRIPTOR,
    Archive,
    ArchiveEntry,
    Directory,
    FileHeader,
    read_directory,
)

_SIZES: Final = struct.Struct("<III")
"""Checksum, packed size, size: in this order in both headers and in the data descriptor."""
_OFFSET: Final = struct.Struct("<I")
_LOCAL_SIZES_AT: Final = 14
_CENTRAL_SIZES_AT: Final = 16
_CENTRAL_OFFSET_AT: Final = 42
_END_OFFSET_AT: Final = 16


@dataclass(frozen=True, slots=True)
class Splice:
    """A part of some bytes, `[start:end]`, and what stands there instead."""

    start: int
    end: int
    content: bytes


def spliced(body: bytes, splices: list[Splice]) -> bytes:
    """Returns the bytes with these parts replaced; no two of them overlap."""
    parts, at = [], 0
    for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        parts += [body[at : splice.start], splice.content]
        at = splice.end
    return b"".join([*parts, body[at:]])


def replaced_files(archive: Archive, contents: Mapping[str, bytes]) -> bytes:
    """Returns the archive with new contents of some of its files, by their names; each is packed as it was."""
    body = archive.body
    directory = read_directory(body)
    by_offset = {header.offset: header for header in directory.headers}
    splices: list[Splice] = []
    for name, content in contents.items():
        entry = archive.find(name)
        assert entry is not None, "a file of the archive"
        splices += _splices_of(body, entry, by_offset[entry.offset], content)
    moved = [*_moved_offsets(directory, splices), _moved_directory(directory, splices)]
    return spliced(body, [*splices, *moved])


def _splices_of(body: bytes, entry: ArchiveEntry, header: FileHeader, content: bytes) -> Iterator[Splice]:
    packed = content if entry.is_stored else _deflate(content)
    sizes = (zlib.crc32(content), len(packed), len(content))
    yield _sizes(header.at + _CENTRAL_SIZES_AT, sizes)
    local_at = entry.offset + _LOCAL_SIZES_AT
    has_descriptor = bool(header.flags & HAS_DESCRIPTOR)
    is_stated = [bool(value) or not has_descriptor for value in _SIZES.unpack_from(body, local_at)]
    yield _sizes(local_at, tuple(size if stated else 0 for size, stated in zip(sizes, is_stated, strict=True)))
    yield Splice(entry.start, entry.end, packed)
    if has_descriptor:
        mark = len(DESCRIPTOR_MARK) if body.startswith(DESCRIPTOR_MARK, entry.end) else 0
        yield Splice(entry.end + mark, entry.end + mark + DESCRIPTOR.size, DESCRIPTOR.pack(*sizes))


def _moved_offsets(directory: Directory, splices: list[Splice]) -> Iterator[Splice]:
    for header in directory.headers:
        at = header.at + _CENTRAL_OFFSET_AT
        yield Splice(at, at + _OFFSET.size, _OFFSET.pack(_moved(header.offset, splices)))


def _moved_directory(directory: Directory, splices: list[Splice]) -> Splice:
    at = directory.end + _END_OFFSET_AT
    return Splice(at, at + _OFFSET.size, _OFFSET.pack(_moved(directory.start, splices)))


def _moved(offset: int, splices: list[Splice]) -> int:
    """Returns where something stands once the parts before it are replaced."""
    return offset + sum(len(splice.content) - (splice.end - splice.start) for splice in splices if splice.end <= offset)


def _sizes(at: int, sizes: tuple[int, ...]) -> Splice:
    return Splice(at, at + _SIZES.size, _SIZES.pack(*sizes))


def _deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()
