"""Fixtures of the tests of HL7 v2: a listener, a registered laboratory, an open record."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.infra.load.documents import Person
from tests.infra.records.hl7v2_messages import MllpClient
from tests.infra.records.mllp import MllpTarget, run_mllp
from tests.infra.records.records_api import RecordsApi

SOMEBODY = Person(71)


@pytest.fixture
async def no_messages(api: RecordsApi) -> RecordsApi:
    """The API, without registered clients and received messages."""
    await api.pool.execute("delete from clients; delete from received_messages; delete from business_acknowledgements")
    return api


@pytest.fixture
async def mllp(no_messages: RecordsApi) -> AsyncIterator[MllpTarget]:
    """A listener on the loopback, which knows the laboratory."""
    async with run_mllp(no_messages) as target:
        await target.register()
        await target.be_fresh()
        yield target


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    """The open record of SOMEBODY, who has chosen nothing."""
    record_id = await api.open_record(SOMEBODY)
    await api.choose(record_id, 1)
    return record_id


@pytest.fixture
async def hospital(mllp: MllpTarget) -> AsyncIterator[MllpClient]:
    """A connection of the laboratory."""
    async with mllp.connect() as client:
        yield client
