"""The rows of a CSV file of reimbursements, read line by line, so that a damaged line costs no other one."""

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.records.reimbursements.adapters.files import (
    COLUMNS,
    UNPACKING_ERRORS,
    Compression,
    FileDamagedError,
    FileRow,
    RowFile,
    open_stream,
)
from services.records.reimbursements.domain.parsing import AMOUNT_COLUMNS
from shared.delimited import (
    MAX_LINE_BYTES,
    LineEncodingError,
    LineMalformedError,
    LineTooLongError,
    check_encoding,
    read_header,
    split_cells,
)
from shared.errors import CodedError

_SAMPLE: Final = 1024 * 1024


class CsvRows(RowFile):
    """The rows of a CSV file. The header is line 1; blank lines are passed over."""

    def __init__(self, path: Path, compression: Compression | None) -> None:
        self._path, self._compression = path, compression
        try:
            with open_stream(path, compression) as stream:
                sample = stream.read(_SAMPLE)
        except UNPACKING_ERRORS as error:
            raise FileDamagedError from error
        check_encoding(sample, is_whole=len(sample) < _SAMPLE)
        first = sample.removeprefix(codecs.BOM_UTF8).split(b"\n", 1)[0]
        header = read_header(first.rstrip(b"\r").decode(), COLUMNS)
        self.names, self._delimiter = header.names, header.delimiter

    def close(self) -> None:
        """Closes nothing: each reading opens the file for itself."""

    def rows(self, after: int) -> Iterator[FileRow]:
        """Yields the rows after this line number. Raises FileDamagedError."""
        for number, raw, is_cut in self._lines():
            if number > max(after, 1) and raw and not raw.isspace():
                yield self._row(number, raw, is_cut=is_cut)

    def amounts(self) -> Iterator[tuple[str, str]]:
        """Yields the text of both amounts of each row. Raises FileDamagedError."""
        places = [self.names.index(name) if name in self.names else None for name in AMOUNT_COLUMNS]
        for row in self.rows(0):
            paid, reimbursed = (_cell(row, place) for place in places)
            yield paid, reimbursed

    def _lines(self) -> Iterator[tuple[int, bytes, bool]]:
        """Yields the number of each line, its bytes, and whether it was cut because it is too long."""
        number = 0
        try:
            with open_stream(self._path, self._compression) as stream:
                while raw := stream.readline(MAX_LINE_BYTES + 1):
                    number += 1
                    is_cut = len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n")
                    if is_cut:
                        while (chunk := stream.readline(MAX_LINE_BYTES)) and not chunk.endswith(b"\n"):
                            pass
                    yield number, raw.rstrip(b"\r\n"), is_cut
        except UNPACKING_ERRORS as error:
            raise FileDamagedError from error

    def _row(self, number: int, raw: bytes, *, is_cut: bool) -> FileRow:
        if is_cut:
            return _unreadable(number, LineTooLongError())
        try:
            cells = split_cells(raw.decode(), self._delimiter)
        except UnicodeDecodeError:
            return _unreadable(number, LineEncodingError())
        if cells is None or len(cells) != len(self.names):
            return _unreadable(number, LineMalformedError())
        return FileRow(number, cells)


def _unreadable(number: int, error: CodedError) -> FileRow:
    return FileRow(number, (), error)


def _cell(row: FileRow, place: int | None) -> str:
    return "" if place is None or row.error is not None else row.cells[place].strip()
