"""Opens files of reimbursements: CSV, plain or packed with gzip or zstd, and Parquet, recognised by their content."""

import gzip
import hashlib
import sys
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from services.records.reimbursements.domain.frame import Frame, FrameInvalidError, check_frame, parse_frame
from services.records.reimbursements.domain.line_errors import AmountError
from services.records.reimbursements.domain.parsing import NEEDED_COLUMNS, OTHER_COLUMNS, parse_cents
from shared.delimited import Columns
from shared.errors import CodedError, InvalidError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COLUMNS: Final = Columns({name: name for name in (*NEEDED_COLUMNS, *OTHER_COLUMNS)}, NEEDED_COLUMNS)
_CHUNK: Final = 1024 * 1024
_LARGEST_FRAME: Final = 64 * 1024
_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
Compression = Literal["gzip", "zstd"]


class FileDamagedError(InvalidError):
    """The file cannot be read to its end: it is damaged, or no CSV (plain, gzip, zstd) or Parquet."""

    code = "file-damaged"
    french = "Le fichier ne se lit pas jusqu’au bout : il est abîmé, ou n’est ni CSV (simple, gzip, zstd) ni Parquet."


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row: its number in the file, and its cells as text in the order of `names`, or why it cannot be read."""

    number: int
    cells: Sequence[str]
    error: CodedError | None = None


class RowFile(ABC):
    """An open file of rows. `names`: the column of each cell, "" for a column that is not read."""

    names: Sequence[str]

    @abstractmethod
    def rows(self, after: int) -> Iterator[FileRow]:
        """Yields the rows after this number. Raises FileDamagedError."""

    @abstractmethod
    def amounts(self) -> Iterator[tuple[str, str]]:
        """Yields the text of the amounts paid and reimbursed of each row, "" where there is none."""

    @abstractmethod
    def close(self) -> None:
        """Closes the file."""


def frame_of(path: Path) -> Path:
    """Returns where the frame of a file stands."""
    return path.with_name(f"{path.name}.frame.json")


def read_frame(path: Path) -> Frame:
    """Returns the frame of a file. Raises FrameInvalidError, OSError for a frame that exists and cannot be opened."""
    try:
        with frame_of(path).open("rb") as file:
            return parse_frame(file.read(_LARGEST_FRAME))
    except FileNotFoundError as error:
        raise FrameInvalidError from error


def check_file(path: Path, stated: Frame) -> None:
    """Reads the whole file once and compares it with its frame, the digest first, before anything is unpacked.

    Raises FrameMismatchError, FileDamagedError, FileHeaderError, FileEncodingError.
    """
    digest = digest_of(path)
    check_frame(stated, Frame(stated.lines, stated.amount_paid, stated.amount_reimbursed, digest))
    lines = paid = reimbursed = 0
    with open_rows(path) as rows:
        for texts in rows.amounts():
            lines += 1
            paid += _cents(texts[0])
            reimbursed += _cents(texts[1])
    check_frame(stated, Frame(lines, paid, reimbursed, digest))


def digest_of(path: Path) -> bytes:
    """Returns the SHA-256 of the file as it lies on the disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@contextmanager
def open_rows(path: Path) -> Iterator[RowFile]:
    """Yields the file's rows. Raises FileHeaderError, FileEncodingError, FileDamagedError."""
    from services.records.reimbursements.adapters.csv_rows import CsvRows
    from services.records.reimbursements.adapters.parquet_rows import ParquetRows

    with path.open("rb") as file:
        start = file.read(4)
    rows: RowFile = ParquetRows(path) if start == _PARQUET else CsvRows(path, _compression(start))
    try:
        yield rows
    finally:
        rows.close()


def open_stream(path: Path, compression: Compression | None) -> BinaryIO:
    """Returns the unpacked bytes as a stream."""
    if compression == "gzip":
        return BufferedReader(cast(BufferedReader, gzip.open(path, "rb")), _CHUNK)
    if compression == "zstd":
        return BufferedReader(cast(BufferedReader, zstd.open(path, "rb")), _CHUNK)
    return path.open("rb", buffering=_CHUNK)


UNPACKING_ERRORS: Final = (gzip.BadGzipFile, zlib.error, zstd.ZstdError, EOFError)


def _compression(start: bytes) -> Compression | None:
    if start.startswith(_GZIP):
        return "gzip"
    return "zstd" if start == _ZSTD else None


def _cents(text: str) -> int:
    """Returns the amount; 0 for a text that is none: the sender cannot have added it up."""
    try:
        return parse_cents(text) or 0
    except AmountError:
        return 0
