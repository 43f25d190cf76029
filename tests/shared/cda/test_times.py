"""HL7 timestamps are read as ISO texts of the same precision, and as their first moments."""

from datetime import datetime, timedelta

import pytest

from shared.cda.times import iso_time, moment_of


@pytest.mark.parametrize(
    ("written", "text", "moment"),
    [
        ("2026", "2026", "2026-01-01T00:00:00+01:00"),
        ("202607", "2026-07", "2026-07-01T00:00:00+02:00"),
        ("20260712", "2026-07-12", "2026-07-12T00:00:00+02:00"),
        ("2026071209", "2026-07-12", "2026-07-12T00:00:00+02:00"),
        ("202607120930-0500", "2026-07-12T09:30-05:00", "2026-07-12T09:30:00-05:00"),
        ("20260712093059.123+0000", "2026-07-12T09:30:59+00:00", "2026-07-12T09:30:59+00:00"),
        ("20260712093060+0000", "2026-07-12T09:31:00+00:00", "2026-07-12T09:31:00+00:00"),
    ],
)
def test_a_time_keeps_its_precision(written: str, text: str, moment: str) -> None:
    assert iso_time(written) == text
    first = moment_of(text)
    assert first is not None
    assert first - datetime.fromisoformat(moment) == timedelta()


@pytest.mark.parametrize(
    "written", ["", "26", "20092012", "20260230", "20260001", "20260100", "0000", "2026-07-12", "x" * 30]
)
def test_what_is_no_time_is_none(written: str) -> None:
    assert iso_time(written) is None
