"""Reads text files line by line, in UTF-8, Windows-1252 or Latin-1, which their bytes tell apart."""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from shared.delimited import MAX_LINE_BYTES, is_utf8

Encoding = Literal["utf-8", "cp1252", "latin-1"]
_UNDEFINED: Final = frozenset(b"\x81\x8d\x8f\x90\x9d")
"""Bytes that are no characters of Windows-1252."""
_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line and its number, from 1; `reason`: why it cannot be read."""

    number: int
    text: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class InspectedFile:
    """What a first reading tells of a file: its SHA-256, its encoding, its size in bytes."""

    digest: bytes
    encoding: Encoding
    size: int


def inspect_file(path: Path) -> InspectedFile:
    """Reads the whole file once. Of its lines with other characters than ASCII, most decide. Raises OSError."""
    digest, size, utf8, other = hashlib.sha256(), 0, 0, 0
    is_cp1252 = True
    with path.open("rb", buffering=_CHUNK) as file:
        while raw := file.readline(MAX_LINE_BYTES):
            digest.update(raw)
            size += len(raw)
            if not raw.isascii():
                is_readable = is_utf8(raw)
                utf8, other = utf8 + is_readable, other + (not is_readable)
                is_cp1252 = is_cp1252 and (is_readable or _UNDEFINED.isdisjoint(raw))
    encoding: Encoding = "utf-8" if utf8 >= other else "cp1252" if is_cp1252 else "latin-1"
    return InspectedFile(digest.digest(), encoding, size)


def read_lines(path: Path, encoding: Encoding) -> Iterator[TextLine]:
    """Yields the lines that are not blank, whatever ends them. Raises OSError."""
    number = 0
    with path.open("rb", buffering=_CHUNK) as file:
        while raw := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
                while (rest := file.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
                yield TextLine(number, "", "line-too-long")
                continue
            content = raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw
            if not content.isspace() and content:
                yield _decoded(number, content.strip(b"\r\n"), encoding)


def _decoded(number: int, raw: bytes, encoding: Encoding) -> TextLine:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return TextLine(number, "", "line-not-decoded")
    return TextLine(number, text) if "\0" not in text else TextLine(number, "", "line-not-decoded")
