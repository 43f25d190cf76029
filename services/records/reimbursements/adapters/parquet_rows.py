"""The rows of a Parquet file of reimbursements, as text, so that both kinds of file are checked by the same rules."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from services.records.reimbursements.adapters.files import COLUMNS, FileDamagedError, FileRow, RowFile
from services.records.reimbursements.domain.parsing import AMOUNT_COLUMNS
from shared.delimited import FileHeaderError, check_names

_BATCH: Final = 4096


class ParquetRows(RowFile):
    """The rows of a Parquet file, numbered from 1. Amounts are decimals, whole numbers or text, never floating."""

    def __init__(self, path: Path) -> None:
        import pyarrow
        from pyarrow import parquet

        self._errors = (pyarrow.ArrowException, OSError)
        try:
            self._file = parquet.ParquetFile(path)
        except self._errors as error:
            raise FileDamagedError from error
        schema = self._file.schema_arrow
        names = [name if name in COLUMNS.titles else "" for name in schema.names]
        check_names(names, COLUMNS)
        self.names = [name for name in names if name]
        if any(pyarrow.types.is_floating(schema.field(name).type) for name in AMOUNT_COLUMNS if name in self.names):
            raise FileHeaderError("Amounts are decimals, never floating-point numbers. See docs/imports.md.")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def rows(self, after: int) -> Iterator[FileRow]:
        """Yields the rows after this number. Raises FileDamagedError."""
        for number, cells in enumerate(self._cells(self.names), start=1):
            if number > after:
                yield FileRow(number, [_text(cell) for cell in cells])

    def amounts(self) -> Iterator[tuple[str, str]]:
        """Yields the text of both amounts of each row. Raises FileDamagedError."""
        present = [name for name in AMOUNT_COLUMNS if name in self.names]
        for cells in self._cells(present or self.names[:1]):
            texts = dict(zip(present, map(_text, cells), strict=False))
            yield texts.get(AMOUNT_COLUMNS[0], ""), texts.get(AMOUNT_COLUMNS[1], "")

    def _cells(self, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        try:
            for batch in self._file.iter_batches(_BATCH, columns=list(names)):
                yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)
        except self._errors as error:
            raise FileDamagedError from error


def _text(cell: Any) -> str:
    """Returns the cell as CSV writes it; what is no text, number, day or flag gives a text that no column takes."""
    match cell:
        case None:
            return ""
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case datetime():
            return cell.date().isoformat()
        case date():
            return cell.isoformat()
        case int() | Decimal():
            return f"{cell:f}" if isinstance(cell, Decimal) else str(cell)
        case _:
            return "\N{REPLACEMENT CHARACTER}\x00"
