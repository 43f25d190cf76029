"""Fixtures of the tests of quarantine: an open record, and a listener of HL7 v2 messages."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.infra.load.documents import Person
from tests.infra.records.hl7v2_messages import MllpClient
from tests.infra.records.mllp import run_mllp
from tests.infra.records.records_api import RecordsApi

SOMEBODY = Person(71)


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    """The open record of SOMEBODY, who has chosen nothing."""
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1)
    return record_id


@pytest.fixture
async def hospital(api: RecordsApi) -> AsyncIterator[MllpClient]:
    """A connection of the laboratory by MLLP."""
    await api.pool.execute("delete from clients; delete from received_messages")
    async with run_mllp(api) as target:
        await target.register()
        await target.be_fresh()
        async with target.connect() as client:
            yield client
