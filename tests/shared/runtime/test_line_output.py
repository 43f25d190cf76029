"""A line that cannot be written is lost, and never stops the process that writes it."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import orjson
import pytest

from shared.runtime.line_output import LineOutput
from tests.infra.platform.paths import ROOT

FULL = Path("/dev/full")
SMALL_PIPE = 4 * 4096


def loss(count: int) -> bytes:
    return b"lost %d" % count


@pytest.fixture
def pipe() -> Iterator[tuple[IO[bytes], IO[str]]]:
    """Yields the reading and the writing end of a small pipe."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALL_PIPE)
    with open(reading, "rb", buffering=0) as reader, open(writing, "w") as writer:
        yield reader, writer


def test_a_full_disk_costs_the_lines_and_nothing_else() -> None:
    with FULL.open("w") as disk:
        output = LineOutput(disk, loss)
        for _ in range(3):
            output.write(b"line")
        assert output.dropped == 3


def test_a_reader_that_does_not_read_is_not_waited_for_and_hears_once_what_it_missed(
    pipe: tuple[IO[bytes], IO[str]],
) -> None:
    reader, writer = pipe
    output, sent = LineOutput(writer, loss), 0
    while not output.dropped:
        output.write(b"x" * 99)
        sent += 1
    output.write(b"also dropped")
    written = reader.read(SMALL_PIPE).splitlines()
    output.write(b"again")
    output.write(b"and again")
    assert written == [b"x" * 99] * (sent - 1)
    assert reader.read(SMALL_PIPE).splitlines() == [b"lost 2", b"again", b"and again"]


def test_a_line_that_was_cut_off_does_not_run_into_the_next(pipe: tuple[IO[bytes], IO[str]]) -> None:
    reader, writer = pipe
    output = LineOutput(writer, loss)
    output.write(b"x" * 2 * SMALL_PIPE)
    cut = reader.read(SMALL_PIPE)
    output.write(b"next")
    assert (cut + reader.read(SMALL_PIPE)).splitlines() == [b"x" * SMALL_PIPE, b"lost 1", b"next"]


def test_a_reader_that_has_gone_is_no_error(pipe: tuple[IO[bytes], IO[str]]) -> None:
    reader, writer = pipe
    reader.close()
    output = LineOutput(writer, loss)
    output.write(b"line")
    assert output.dropped == 1


def test_a_process_without_the_stream_goes_on() -> None:
    output = LineOutput(None, loss)
    output.write(b"line")
    assert output.dropped == 1


LOGGING = """
from shared.runtime.logs import configure, log
import os, sys
configure("records", "worker")
for _ in range(3):
    log("process.started")
os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 1)
log("process.stopped", count=5)
"""


def test_a_service_whose_log_is_full_goes_on_and_tells_later_how_many_lines_are_missing(tmp_path: Path) -> None:
    later = tmp_path / "log"
    with FULL.open("wb") as disk:
        done = subprocess.run(
            [sys.executable, "-c", LOGGING, str(later)], cwd=ROOT, stdout=disk, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")
    lost, stopped = (orjson.loads(line) for line in later.read_bytes().splitlines())
    assert (lost["event"], lost["count"], lost["service"]) == ("lines.dropped", 3, "records")
    assert (stopped["event"], stopped["count"]) == ("process.stopped", 5)
    assert lost.keys() == stopped.keys()
