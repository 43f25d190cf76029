"""Fixtures of the tests of notify."""

from pathlib import Path

import pytest

from services.notify.settings import FoldersSettings


@pytest.fixture
def folders(tmp_path: Path) -> FoldersSettings:
    """Both are there, and empty."""
    made = FoldersSettings(sms=tmp_path / "sms", letters=tmp_path / "letters")
    made.sms.mkdir()
    made.letters.mkdir()
    return made
