"""A record that cannot be read affects no other record, and every offset of a topic is accounted for."""

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from shared.contracts.records import DocumentReceived
from shared.runtime import clock
from shared.runtime.metrics import LAG_RECORDS, SKIPPED
from shared.service import worker
from tests.conftest import NewDatabase
from tests.infra.messaging import plumbing
from tests.infra.messaging.plumbing import Recorder, document_received
from tests.infra.platform.databases import Database
from tests.infra.platform.topics import Topics, client_options
from tests.infra.platform.waiting import eventually

GROUP, TOPIC = "consent.deposit-checks", "records.documents.v1"
OUT_OF_RANGE = ("9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+14:00", "1999-12-31T23:59:59+00:00")


@pytest.fixture
async def database(new_database: NewDatabase) -> Database:
    database = await new_database("consent")
    await plumbing.prepare(database)
    return database


def envelope(event: DocumentReceived, **changed: str | bytes | None) -> dict[str, str | bytes | None]:
    return {"ce_id": str(uuid4()), "ce_type": event.ce_type, "ce_time": clock.now().isoformat(), **changed}


async def put(kafka: Topics, headers: Mapping[str, str | bytes | None] | None = None) -> None:
    """Writes a document of some record into partition 0."""
    event = document_received(uuid4())
    body = event.model_dump_json().encode()
    await kafka.put_raw(TOPIC, body, event.key.encode(), headers or envelope(event), partition=0)


async def put_with_a_bad_name(kafka: Topics) -> None:
    """Writes a record that has a header whose name is not UTF-8."""
    event = document_received(uuid4())
    request = {
        "options": client_options(kafka.parts, "admin"),
        "topic": kafka.prefix + TOPIC,
        "partition": 0,
        "key": event.key,
        "body": event.model_dump_json(),
        "headers": envelope(event),
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.infra.messaging.bad_header", stdin=asyncio.subprocess.PIPE
    )
    await child.communicate(json.dumps(request).encode())
    assert child.returncode == 0


def skipped(code: str) -> float:
    count: float = SKIPPED.labels(GROUP, code)._value.get()
    return count


async def number(database: Database, query: str) -> int:
    return int(await plumbing.value(database, query))


async def all_read(database: Database, ends: int) -> None:
    """Waits until the group has finished partition 0 up to this offset."""
    query = "select next = $1 from consumer_offsets where partition = 0 and group_name = $2"
    await eventually(lambda: plumbing.value(database, query, ends, GROUP))


async def test_a_record_with_headers_that_cannot_be_read_is_one_dead_letter_and_its_neighbours_are_handled(
    database: Database, kafka: Topics, capsys: pytest.CaptureFixture[str]
) -> None:
    event = document_received(uuid4())
    async with plumbing.worker(Recorder(), database, kafka):
        await put(kafka)
        await put(kafka, envelope(event, ce_source=None))
        await put(kafka)
        await put(kafka, envelope(event, traceparent=b"\xff\xfe"))
        await put(kafka)
        await put_with_a_bad_name(kafka)
        await put(kafka)
        await all_read(database, 7)
    assert await number(database, "select count(*) from effects") == 4
    codes = 'select array_agg(error_code order by "offset") from parked_messages'
    assert await plumbing.value(database, codes) == ["envelope-invalid"] * 3
    assert capsys.readouterr().out.count("message.dead_lettered") == 3


async def test_every_offset_that_is_fetched_is_handled_parked_a_dead_letter_or_counted_as_passed_over(
    database: Database, kafka: Topics
) -> None:
    unhandled, unknown = skipped("type-unhandled"), skipped("type-unknown")
    event = document_received(uuid4())
    for round_ in range(30):
        await put(kafka, envelope(event, ce_time=OUT_OF_RANGE[round_ % 3]))
        for _ in range(5):
            await put(kafka)
        if round_ % 10 == 0:
            await put(kafka, envelope(event, ce_type="records.document-published.v1"))
            await put(kafka, envelope(event, ce_type="records.added-later.v1"))
    async with plumbing.worker(Recorder(), database, kafka) as runtime:
        await all_read(database, 186)
        assert not runtime.consumers[GROUP].circuit_breaker.is_open
    assert await number(database, "select count(*) from effects") == 150
    assert await number(database, "select count(*) from parked_messages where error_code = 'envelope-invalid'") == 30
    assert skipped("type-unhandled") == unhandled + 3
    assert skipped("type-unknown") == unknown + 3


async def test_the_markers_of_transactions_are_no_lag_and_no_silence(
    database: Database, kafka: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "OBSERVE_EVERY_S", 0.2)
    producer = AIOKafkaProducer(**client_options(kafka.parts, "admin"), transactional_id=f"{kafka.prefix}writer")
    await producer.start()
    async with plumbing.worker(Recorder(), database, kafka) as runtime:
        [loop] = [loop for loop in runtime.consumer_loops if loop.consumer.name == GROUP]
        for _ in range(3):
            async with producer.transaction():
                event = document_received(uuid4())
                headers = [(name, str(value).encode()) for name, value in envelope(event).items()]
                body = event.model_dump_json().encode()
                await producer.send(kafka.prefix + TOPIC, body, key=event.key.encode(), partition=0, headers=headers)
        await eventually(lambda: plumbing.value(database, "select count(*) = 3 from effects"))
        since = asyncio.get_running_loop().time()

        async def has_no_lag() -> bool:
            lag: Any = LAG_RECORDS.labels(GROUP, TOPIC)._value.get()
            return bool(lag == 0 and loop.last_progress > since + 1 and not runtime.silent_loops())

        assert await eventually(has_no_lag)
    await producer.stop()
