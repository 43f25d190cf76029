"""Reads files of lines with columns in batches from a given offset, and writes the file of rejected lines."""

import codecs
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from services.identity.imports.domain import FileIdentity
from shared.delimited import (
    MAX_LINE_BYTES,
    Columns,
    LineEncodingError,
    LineMalformedError,
    LineTooLongError,
    check_encoding,
    is_utf8,
    read_header,
    split_cells,
)
from shared.errors import CodedError
from shared.human_text import clean_line

_SAMPLE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line with its columns by internal name, or the error that makes it unreadable.

    `number`: the header is line 1.
    """

    number: int
    raw: bytes
    fields: dict[str, str] = field(default_factory=dict)
    error: CodedError | None = None


@dataclass(frozen=True, slots=True)
class LineBatch:
    """A batch of lines.

    `end`: the offset after it; `count`: the number of lines read from the file, including blank lines.
    """

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
        check_encoding(sample, is_whole=len(sample) == self.mark.size)
        self._file.seek(len(codecs.BOM_UTF8) if sample.startswith(codecs.BOM_UTF8) else 0)
        self.header = self._file.readline(MAX_LINE_BYTES).rstrip(b"\r\n")
        self.first = self._file.tell()
        text = self.header.decode()
        self._has_quoting = columns.has_quoting or '"' in text
        header = read_header(text, columns)
        self.delimiter, self._names = header.delimiter, header.names

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def read(self, offset: int, number: int, limit: int) -> LineBatch:
        """Returns up to `limit` lines from an offset (0: after the header). `number`: the number of the first line."""
        self._file.seek(max(offset, self.first))
        lines: list[FileLine] = []
        count = 0
        while count < limit and (raw := self._file.readline(MAX_LINE_BYTES + 1)):
            count += 1
            if line := self._line(number + count - 1, raw):
                lines.append(line)
        return LineBatch(lines, self._file.tell(), count)

    def _line(self, number: int, raw: bytes) -> FileLine | None:
        error: CodedError | None = None
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            self._skip_line()
            raw, error = raw[:MAX_LINE_BYTES], LineTooLongError()
        raw = raw.rstrip(b"\r\n")
        text = raw.decode(errors="replace")
        if not text.strip():
            return None
        if "\N{REPLACEMENT CHARACTER}" in text and error is None and not is_utf8(raw):
            error = LineEncodingError()
        cells = split_cells(text, self.delimiter) if self._has_quoting else text.split(self.delimiter)
        if error is None and (cells is None or len(cells) != len(self._names)):
            error = LineMalformedError()
        pairs = zip(self._names, cells or text.split(self.delimiter), strict=False)
        return FileLine(number, raw, {name: clean_line(cell) for name, cell in pairs if name}, error)

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
