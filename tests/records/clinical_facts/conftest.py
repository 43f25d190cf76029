"""Fixtures of the tests of facts: the process that reads documents, beside the API of records."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.records.clinical_facts.adapters.extractor import Extractor
from tests.infra.records.facts import FactsAtWork, facts_of
from tests.infra.records.records_api import RecordsApi


@pytest_asyncio.fixture(scope="module")
async def extractor() -> AsyncIterator[Extractor]:
    """The process that reads documents."""
    made = Extractor()
    yield made
    await made.stop()


@pytest.fixture
async def facts(api: RecordsApi, extractor: Extractor) -> FactsAtWork:
    """Nothing in it."""
    return facts_of(api, extractor)
