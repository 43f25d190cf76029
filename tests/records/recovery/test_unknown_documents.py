"""Documents that neighbours name and this database has lost."""

from uuid import uuid4

import pytest

from services.records.consumers import follow_and_list_lost
from shared.contracts.audit import EntryRecorded
from shared.contracts.notify import AlertSent
from shared.contracts.records import DocumentPublished
from shared.db.pool import transaction
from shared.runtime import clock
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.records.records_api import RecordsApi

SOMEBODY = Person(86)


@pytest.fixture(name="api")
async def empty_api(shared_records_api: RecordsApi) -> RecordsApi:
    await shared_records_api.be_empty()
    return shared_records_api


async def test_a_document_that_only_the_ledger_or_an_alert_names_is_listed_as_lost(api: RecordsApi) -> None:
    record, bucket = await api.open_record(SOMEBODY), 7
    documents = [clock.new_id(bucket) for _ in range(2)]
    entry = EntryRecorded(
        record_id=record,
        event_id=uuid4(),
        event_type=DocumentPublished.ce_type,
        document_id=documents[0],
        deposit_id=clock.new_id(bucket),
        recorded_at=clock.now(),
    )
    alert = AlertSent(
        record_id=record,
        alert_id=uuid4(),
        kind="document",
        document_id=documents[1],
        deposit_id=clock.new_id(bucket),
        caused_by=uuid4(),
        handled_at=clock.now(),
    )
    for _ in range(2):
        async with transaction(api.pool) as connection:
            await follow_and_list_lost(connection, [message(entry), message(alert)])
    lost = await api.pool.fetch("select document_id, organisation_id from lost_documents")
    assert {(row["document_id"], row["organisation_id"]) for row in lost} == {(id, "unknown") for id in documents}
