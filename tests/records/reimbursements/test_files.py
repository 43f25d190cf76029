"""Files of reimbursements: CSV and Parquet give the same rows; a file that is not what its frame says is refused."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow
import pytest
from pyarrow import parquet

from services.records.reimbursements.adapters.files import (
    COLUMNS,
    FileDamagedError,
    check_file,
    frame_of,
    open_rows,
    read_frame,
)
from services.records.reimbursements.domain.frame import FrameInvalidError, FrameMismatchError
from shared.delimited import FileEncodingError, FileHeaderError
from tests.infra.load.documents import Person
from tests.infra.records.reimbursement_files import a_line, csv_of, write_csv, write_framed

LINES = [a_line(Person(1), number) for number in range(1, 4)]


def cells_of(path: Path, after: int = 0) -> list[dict[str, str]]:
    with open_rows(path) as rows:
        return [dict(zip(rows.names, row.cells, strict=True)) for row in rows.rows(after)]


def write_parquet(path: Path, **typed: Any) -> Path:
    """Writes LINES with amounts as decimals, days as dates, numbers and flags as such; `typed`: other columns."""
    columns: dict[str, Any] = {name: [line[name] or None for line in LINES] for name in LINES[0]}
    for name in ("amount_paid", "amount_reimbursed"):
        columns[name] = pyarrow.array([Decimal(text) for text in columns[name]], pyarrow.decimal128(18, 4))
    for name in ("care_from", "care_to", "paid_on"):
        columns[name] = [date.fromisoformat(text) for text in columns[name]]
    columns["version"], columns["quantity"] = [1, 1, 1], [2, 2, 2]
    columns["confidential"] = [False, False, False]
    columns["kind"] = pyarrow.array(columns["kind"]).dictionary_encode()
    parquet.write_table(pyarrow.table({**columns, **typed}), path, row_group_size=2)
    return write_framed(path, path.read_bytes(), LINES)


@pytest.mark.parametrize("name", ["day.csv", "day.csv.gz", "day.csv.zst"])
def test_a_file_is_read_packed_or_not(tmp_path: Path, name: str) -> None:
    path = write_csv(tmp_path / name, LINES)
    check_file(path, read_frame(path))
    assert cells_of(path) == LINES


def test_parquet_gives_the_rows_of_csv(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "day.parquet")
    check_file(path, read_frame(path))
    amounts = {"amount_paid": "25.3000", "amount_reimbursed": "16.4500"}
    assert cells_of(path) == [line | amounts for line in LINES]
    assert [row["line"] for row in cells_of(path, after=2)] == ["3"]


def test_floating_amounts_are_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "day.parquet", amount_paid=[25.3, 25.3, 25.3])
    with pytest.raises(FileHeaderError, match="decimals"):
        check_file(path, read_frame(path))


def test_reading_goes_on_after_a_line(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "day.csv", LINES)
    assert [row["line"] for row in cells_of(path, after=3)] == ["3"]


def test_a_damaged_line_costs_no_other_one(tmp_path: Path) -> None:
    good = csv_of(LINES).splitlines(keepends=True)
    data = b"".join(
        [good[0], good[1], b"a;b\n", b"\n", b'"open;\n', b"\xff" * 9 + b"\n", b"x" * 70_000 + b"\n", good[2]]
    )
    path = tmp_path / "day.csv"
    path.write_bytes(data)
    with open_rows(path) as rows:
        codes = {row.number: row.error.code if row.error else None for row in rows.rows(0)}
    malformed = "line-malformed"
    assert codes == {2: None, 3: malformed, 5: malformed, 6: "line-not-utf-8", 7: "line-too-long", 8: None}


@pytest.mark.parametrize(
    ("stated", "differing"),
    [
        ({"lines": 4}, "lines"),
        ({"amount_paid": "75.91"}, "amount_paid"),
        ({"amount_reimbursed": "0.00"}, "amount_reimbursed"),
        ({"sha256": "0" * 64}, "sha256"),
    ],
)
def test_a_file_that_is_not_what_its_frame_says_is_refused(
    tmp_path: Path, stated: dict[str, Any], differing: str
) -> None:
    path = write_csv(tmp_path / "day.csv", LINES, **stated)
    with pytest.raises(FrameMismatchError, match=differing):
        check_file(path, read_frame(path))


@pytest.mark.parametrize("frame", [b"", b"[]", b"{}", b'{"lines": "3"}', b"\xff"])
def test_a_frame_that_cannot_be_read_is_refused(tmp_path: Path, frame: bytes) -> None:
    path = write_csv(tmp_path / "day.csv", LINES)
    frame_of(path).write_bytes(frame)
    with pytest.raises(FrameInvalidError):
        read_frame(path)


def test_a_file_without_a_frame_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "day.csv", LINES)
    frame_of(path).unlink()
    with pytest.raises(FrameInvalidError):
        read_frame(path)


def test_an_amount_that_is_none_counts_as_nothing_in_the_frame(tmp_path: Path) -> None:
    lines = [*LINES, a_line(Person(1), 4, amount_paid="free")]
    path = write_csv(tmp_path / "day.csv", lines)
    check_file(path, read_frame(path))
    assert orjson.loads(frame_of(path).read_bytes())["amount_paid"] == "75.90"


@pytest.mark.parametrize("name", ["day.csv.gz", "day.csv.zst", "day.parquet"])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    data = (write_parquet(path) if name.endswith("parquet") else write_csv(path, LINES)).read_bytes()
    write_framed(path, data[: len(data) // 2], LINES)
    with pytest.raises(FileDamagedError):
        check_file(path, read_frame(path))


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", FileHeaderError),
        (b"payer;sheet\n", FileHeaderError),
        (";".join(["payer", *COLUMNS.titles]).encode(), FileHeaderError),
        (csv_of(LINES).decode().encode("utf-16"), FileEncodingError),
        (csv_of(LINES).decode().encode("latin-1"), FileEncodingError),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, data: bytes, error: type[Exception]) -> None:
    path = write_framed(tmp_path / "day.csv", data, [])
    with pytest.raises(error):
        check_file(path, read_frame(path))
