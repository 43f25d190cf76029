"""Rehearsals of what goes wrong in a country's installation, by `make rehearse`: what is impossible here fails."""

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turns a skipped test into a failed one: a rehearsal that did not take place shows nothing."""
    report = yield
    if report.skipped:
        report.outcome = "failed"
    return report
