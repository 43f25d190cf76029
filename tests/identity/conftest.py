"""Fixtures that the tests of several rooms of identity use."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.local.pki import Pki, make_pki
from deploy.local.psc import Provider
from tests.infra.professionals import DOCTOR, HOSPITAL, providing


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """Cards of a doctor and a hospital, in the folder of the test."""
    return make_pki(tmp_path, DOCTOR.id, HOSPITAL)


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    """An identity provider of professionals on a free port."""
    async with providing() as made:
        yield made
