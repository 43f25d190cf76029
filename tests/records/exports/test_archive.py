"""The bytes of an archive: what other programs read, at any size, and what its length is before it is made."""

import io
import sys
import zipfile
from pathlib import Path

import pytest

from services.records.exports.domain.archive import (
    ArchivedFile,
    ArchiveError,
    archive_size,
    directory,
    local_header,
)
from tests.infra.records.exports import MADE_AT, archived, file_of

BODIES = {"a.txt": b"first", "folder/b.bin": bytes(range(256)) * 40, "empty": b""}
GIBIBYTE = 2**30


def test_another_program_reads_every_file_and_its_time() -> None:
    archive = archived([file_of(name, body) for name, body in BODIES.items()], list(BODIES.values()))
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == BODIES
        assert {info.date_time for info in read.infolist()} == {(2026, 11, 30, 9, 15, 42)}
        assert {info.external_attr >> 16 for info in read.infolist()} == {0o100644}


def test_its_length_is_known_before_it_is_made() -> None:
    for count in (0, 1, len(BODIES)):
        files = [file_of(name, body) for name, body in BODIES.items()][:count]
        assert archive_size(files, MADE_AT) == len(archived(files, list(BODIES.values())[:count]))


def test_more_files_than_the_old_form_counts_are_read() -> None:
    files = [ArchivedFile(f"{number:05}", 0, 0) for number in range(65_536)]
    with zipfile.ZipFile(io.BytesIO(archived(files, [b""] * len(files)))) as read:
        assert len(read.namelist()) == 65_536


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system with holes")
def test_an_archive_beyond_four_gibibytes_is_read(tmp_path: Path) -> None:
    """Holes stand for contents: only what is around them is written."""
    large = [ArchivedFile(f"hole-{number}", GIBIBYTE, 0) for number in range(5)]
    last = file_of("last.txt", b"behind them")
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        for hole in large:
            file.write(local_header(hole, MADE_AT))
            file.seek(hole.size, 1)
        file.write(local_header(last, MADE_AT) + b"behind them" + directory([*large, last], MADE_AT))
    assert path.stat().st_size == archive_size([*large, last], MADE_AT)
    with zipfile.ZipFile(path) as read:
        assert read.namelist() == [file.name for file in (*large, last)]
        assert read.read("last.txt") == b"behind them"


@pytest.mark.parametrize("file", [ArchivedFile("é.txt", 1, 0), ArchivedFile("large", 4 * GIBIBYTE, 0)])
def test_what_does_not_fit_is_refused(file: ArchivedFile) -> None:
    with pytest.raises(ArchiveError):
        local_header(file, MADE_AT)
