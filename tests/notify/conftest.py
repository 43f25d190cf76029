"""Fixtures of the tests of notify: a database of its own, and the folders of SMS and letters."""

from pathlib import Path

import pytest

from services.notify.settings import FoldersSettings
from tests.conftest import NewDatabase
from tests.infra.platform.databases import Database


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    """An empty database of notify."""
    return await new_database("notify")


@pytest.fixture
def folders(tmp_path: Path) -> FoldersSettings:
    """Both are there, and empty."""
    made = FoldersSettings(sms=tmp_path / "sms", letters=tmp_path / "letters")
    made.sms.mkdir()
    made.letters.mkdir()
    return made
