"""Every log event has a level, and the level of a line says whether an operator must act."""

import re
import subprocess
import sys
from typing import get_args

import orjson

from shared.runtime.logs import LEVELS, LogEvent
from tests.infra.platform.paths import ROOT

LOGGING = """
import sys
from shared.runtime.logs import LEVELS, configure, log
configure("records", "worker", sys.argv[1])
for event in LEVELS:
    log(event)
"""
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")


def test_every_event_has_one_level() -> None:
    assert LEVELS.keys() == set(get_args(LogEvent))


def written(level: str) -> dict[str, str]:
    """Returns the level of each line of a process that logs every event once, by event."""
    done = subprocess.run([sys.executable, "-c", LOGGING, level], cwd=ROOT, capture_output=True, check=True)
    return {line["event"]: line["level"] for line in map(orjson.loads, done.stdout.splitlines())}


def test_each_line_carries_the_level_of_its_event() -> None:
    lines = written("INFO")
    assert lines == LEVELS
    for event in ("message.dead_lettered", "batch.failed", "consumer.stopped", "announcement.refused"):
        assert lines[event] == "error"
    for event in ("batch.retried", "loop.failed"):
        assert lines[event] == "warning"


def test_lines_below_the_chosen_level_are_left_out() -> None:
    assert set(written("ERROR").values()) == {"error"}


def test_the_page_for_operators_names_the_events_of_each_level() -> None:
    rows = re.findall(r"^\| `(error|warning|info)` \| (.*?) \|", PAGE, re.MULTILINE)
    assert {level: set(re.findall(r"`([a-z_.]+)`", events)) for level, events in rows} == {
        level: {event for event in LEVELS if LEVELS[event] == level} for level in ("error", "warning", "info")
    }
