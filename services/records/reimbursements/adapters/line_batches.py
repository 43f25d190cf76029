"""Prepares batches of rows before the database is needed: parses lines, and rejects rows with a code."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from services.records.reimbursements.adapters.files import FileRow
from services.records.reimbursements.domain.lines import ReimbursementLine
from services.records.reimbursements.domain.parsing import parse_line
from shared.errors import CodedError
from shared.human_text import clean_line


@dataclass(frozen=True, slots=True)
class LineBatch:
    """The lines of a batch, the rejected rows with their codes, and the number of the last row; None at the end."""

    lines: Sequence[ReimbursementLine]
    rejected: Sequence[tuple[int, str]]
    last_row: int | None

    @property
    def count(self) -> int:
        """The number of rows."""
        return len(self.lines) + len(self.rejected)


def next_batch(rows: Iterator[FileRow], names: Sequence[str], size: int, today: date) -> LineBatch:
    """Returns the next batch of up to `size` rows. Raises FileDamagedError."""
    lines: list[ReimbursementLine] = []
    rejected: list[tuple[int, str]] = []
    last_row = None
    for row in islice(rows, size):
        last_row = row.number
        try:
            lines.append(_line(row, names, today))
        except CodedError as error:
            rejected.append((row.number, error.code))
    return LineBatch(lines, rejected, last_row)


def _line(row: FileRow, names: Sequence[str], today: date) -> ReimbursementLine:
    if row.error is not None:
        raise row.error
    return parse_line({name: clean_line(cell) for name, cell in zip(names, row.cells, strict=True)}, today)
