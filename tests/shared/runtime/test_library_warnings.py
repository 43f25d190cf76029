"""Repeated warnings of libraries are logged once a minute."""

import logging
import time

import pytest

from shared.runtime import logs
from shared.runtime.logs import REPEATED_AFTER_S, LibraryWarnings


def warning(line: int) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.WARNING, "/lib/client.py", line, "a private text", None, None)


def test_a_place_is_told_at_once_then_once_a_minute_with_the_number_of_its_warnings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, lines = [1000.0], []
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(logs, "log", lambda event, **fields: lines.append((event, fields)))
    handler = LibraryWarnings()
    for _ in range(500):
        handler.handle(warning(435))
    handler.handle(warning(325))
    clock[0] += REPEATED_AFTER_S
    handler.handle(warning(435))
    assert lines == [
        ("library.warned", {"library": "aiokafka", "place": "client:435", "count": 1}),
        ("library.warned", {"library": "aiokafka", "place": "client:325", "count": 1}),
        ("library.warned", {"library": "aiokafka", "place": "client:435", "count": 500}),
    ]
