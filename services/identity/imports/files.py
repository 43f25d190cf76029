"""Files of lines with columns, read in batches from a given offset, and the file of rejected lines."""

import codecs
import csv
import hashlib
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from services.identity.imports.domain import (
    FileEncodingError,
    FileHeaderError,
    FileIdentity,
    LineEncodingError,
    LineMalformedError,
    LineTooLongError,
)
from shared.errors import CodedError

DELIMITERS = ";,|\t"
MAX_LINE_BYTES = 64 * 1024
_SAMPLE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Columns:
    """The expected columns: the title in the header for each internal name, and the required names."""

    titles: Mapping[str, str]
    needed: Sequence[str]


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line with its columns by internal name, or the error that makes it unreadable. `number`: the header is line
    1."""

    number: int
    raw: bytes
    fields: dict[str, str] = field(default_factory=dict)
    error: CodedError | None = None


@dataclass(frozen=True, slots=True)
class LineBatch:
    """A batch of lines. `end`: the offset after it; `count`: the number of lines read from the file, including blank
    lines."""

    lines: Sequence[FileLine]
    end: int
    count: int


class LineFile:
    """An open file of lines. `header`: its first line without the byte order mark.

    Raises FileEncodingError, FileHeaderError, OSError.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        self._file: BinaryIO = path.open("rb")
        sample = self._file.read(_SAMPLE)
        self.mark = FileIdentity(hashlib.sha256(sample).digest(), os.fstat(self._file.fileno()).st_size)
        _check_encoding(sample, whole=len(sample) == self.mark.size)
        self._file.seek(len(codecs.BOM_UTF8) if sample.startswith(codecs.BOM_UTF8) else 0)
        self.header = self._file.readline(MAX_LINE_BYTES).rstrip(b"\r\n")
        self.first = self._file.tell()
        text = self.header.decode()
        self.delimiter, self._names = _sniff(text, columns)
        self._width = len(self._names)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def read(self, offset: int, number: int, limit: int) -> LineBatch:
        """Returns up to `limit` lines from an offset (0: after the header); `number` is the number of the first
        line."""
        self._file.seek(max(offset, self.first))
        lines: list[FileLine] = []
        count = 0
        while count < limit and (raw := self._file.readline(MAX_LINE_BYTES + 1)):
            count += 1
            if line := self._line(number + count - 1, raw):
                lines.append(line)
        return LineBatch(lines, self._file.tell(), count)

    def _line(self, number: int, raw: bytes) -> FileLine | None:
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            self._skip_line()
            return FileLine(number, raw[:MAX_LINE_BYTES], error=LineTooLongError())
        raw = raw.rstrip(b"\r\n")
        if not raw.strip():
            return None
        try:
            cells = _cells(raw.decode(), self.delimiter)
        except UnicodeDecodeError:
            return FileLine(number, raw, error=LineEncodingError())
        if cells is None or len(cells) != self._width:
            return FileLine(number, raw, error=LineMalformedError())
        return FileLine(
            number, raw, {name: cell.strip() for name, cell in zip(self._names, cells, strict=True) if name}
        )

    def _skip_line(self) -> None:
        while (chunk := self._file.readline(MAX_LINE_BYTES)) and not chunk.endswith(b"\n"):
            pass


class RejectedLines:
    """`FILE.rejected.csv`: number, code and text of each rejected line, readable by the file's owner only.

    Its header allows the corrected file to be imported. The file is created when the first line is rejected.
    """

    def __init__(self, file: Path, lines: LineFile, size: int) -> None:
        self.path = file.with_name(f"{file.name}.rejected.csv")
        self._delimiter = lines.delimiter.encode()
        self._header = self._delimiter.join((b"line", b"code", lines.header)) + b"\n"
        self.size = min(size, self.path.stat().st_size) if self.path.exists() else 0
        if self.size == 0:
            self.path.unlink(missing_ok=True)

    def write(self, rejected: Sequence[tuple[FileLine, str]]) -> None:
        """Appends after `size`: lines that a killed run wrote without committing are overwritten."""
        if not rejected:
            return
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
        with os.fdopen(os.open(self.path, flags, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(self.size)
            file.seek(self.size)
            if self.size == 0:
                file.write(self._header)
            for line, code in rejected:
                file.write(self._delimiter.join((b"%d" % line.number, code.encode(), line.raw)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self.size = file.tell()


def _check_encoding(sample: bytes, *, whole: bool) -> None:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=whole)
    except UnicodeDecodeError as error:
        raise FileEncodingError from error
    if b"\x00" in sample:
        raise FileEncodingError


def _sniff(header: str, columns: Columns) -> tuple[str, list[str]]:
    """Returns the delimiter under which most columns are known, and the internal name of each column, "" for others."""
    ours = {_normalised_title(title): name for name, title in columns.titles.items()}
    names_by_delimiter = {
        delimiter: [ours.get(_normalised_title(cell), "") for cell in _cells(header, delimiter) or []]
        for delimiter in DELIMITERS
    }
    delimiter = max(DELIMITERS, key=lambda candidate: sum(map(bool, names_by_delimiter[candidate])))
    names = names_by_delimiter[delimiter]
    missing = [columns.titles[name] for name in columns.needed if name not in names]
    if missing:
        raise FileHeaderError(f"The header lacks: {', '.join(missing)}. {FileHeaderError.__doc__}")
    if len(set(filter(None, names))) < sum(map(bool, names)):
        raise FileHeaderError(f"The header names a column twice. {FileHeaderError.__doc__}")
    return delimiter, names


def _normalised_title(title: str) -> str:
    return unicodedata.normalize("NFC", title).replace("’", "'").strip().casefold()


def _cells(text: str, delimiter: str) -> list[str] | None:
    """Returns the cells, or None when the quotation marks do not match."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        return None
