"""Runs tests.benchmarks.bare on the servers of a Stack with stopped services, measured like the services."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from confluent_kafka.admin import NewTopic

from deploy.local.platform.kafka import admin_client
from deploy.local.platform.stack import Stack
from shared.contracts import audit, consent, notify, records
from shared.contracts.base import Event
from shared.contracts.declarations import LOCAL_PARTITIONS
from shared.contracts.topics import TOPICS
from shared.messaging.topics.grants import ADMIN
from tests.benchmarks import bare, statements
from tests.benchmarks.bench import (
    PROCESSES,
    STATISTICS_DELAY_S,
    WARM_UP,
    WARM_UP_RATE,
    Bench,
    shortcomings,
    summarise,
)
from tests.benchmarks.figures import Figures
from tests.infra.messaging.flow import Journey, StalledError
from tests.infra.platform import costs
from tests.infra.records.depositing import Run
from tests.infra.records.hospital import Depositing, end, launch

DATABASE = "bare"
Processes = Mapping[str, asyncio.subprocess.Process]
MODELS: tuple[type[Event], ...] = (
    records.DocumentReceived,
    records.DocumentPublished,
    consent.DepositDecided,
    notify.AlertSent,
    audit.EntryRecorded,
)
PROGRESS = """
select count(*) from documents where received_at >= to_timestamp($1) and audited_at is not null
  and alert_handled_at is not null"""
JOURNEYS = """
select d.id, extract(epoch from d.received_at)::float8 as received, extract(epoch from decided.at)::float8 as decided,
       extract(epoch from d.settled_at)::float8 as published, extract(epoch from entered.at)::float8 as audited,
       extract(epoch from a.handled_at)::float8 as alerted
from documents d join alerts a using (id)
left join (select document_id, min(occurred_at) as at from ledger_entries where kind = $2 group by 1) decided
  on decided.document_id = d.id
left join (select document_id, min(recorded_at) as at from ledger_entries where kind = $3 group by 1) entered
  on entered.document_id = d.id
where d.received_at >= to_timestamp($1)"""
PATIENCE_S = 60.0


async def measure(made: Bench, hospital: Depositing) -> list[Figures]:
    """Runs the warm-up and each load with the bodies of the services' runs."""
    plan = await prepare(made)
    for name in PROCESSES:
        await made.stack.stop(name)
    async with running(plan) as processes:
        url, start = f"http://127.0.0.1:{plan.http_port}/fhir", time.time()
        warming = Run(url, 0, WARM_UP, start + 0.5, WARM_UP_RATE, persist=True)
        await made.deposit(hospital, warming, "bare, warming up")
        await wait_complete(plan, processes, start, WARM_UP)
        return [await _measure_load(made, hospital, plan, processes, number) for number in range(len(made.loads))]


async def _measure_load(
    made: Bench, hospital: Depositing, plan: bare.Plan, processes: Processes, number: int
) -> Figures:
    load = made.loads[number]
    await statements.reset(made.stack)
    url = f"http://127.0.0.1:{plan.http_port}/fhir"
    pids = {name: process.pid for name, process in processes.items()}
    counted, pace = await made.count(), costs.pace()
    before, start = costs.look({**made.pids([]), **pids}), time.time() + 0.2
    results, own = await made.deposit(hospital, made.run(url, start, number), f"bare, {load}, depositing")
    accepted = sum(result.status == 201 for result in results)
    await wait_complete(plan, processes, start, accepted)
    after = costs.look(before.pids)
    journeys_by_id = await journeys(plan, start)
    await asyncio.sleep(STATISTICS_DELAY_S)
    work = (await made.count()).per_document(counted, accepted)
    figures = summarise(load, results, journeys_by_id, before, after, work)
    figures.databases = await statements.by_database(made.stack, accepted)
    figures.statements = await statements.by_statement(made.stack, accepted)
    figures.cpu["load generator"] = own["cpu"]
    figures.pace = pace, costs.pace()
    figures.notes += shortcomings(results, journeys_by_id)
    return figures


async def prepare(made: Bench) -> bare.Plan:
    """Creates a database and topics, and takes samples of the services' messages and mails."""
    stack = made.stack
    login = stack.kafka.credentials(ADMIN)
    connection = await asyncpg.connect(stack.postgres.dsn())
    await connection.execute(f"create database {DATABASE}")
    await connection.close()
    connection = await asyncpg.connect(stack.postgres.dsn(DATABASE))
    await connection.execute(bare.SCHEMA)
    await connection.close()
    await asyncio.to_thread(_create_topics, stack)
    mails = sorted(stack.layout.mail.glob("*.eml"))
    return bare.Plan(
        dsn=stack.postgres.dsn(DATABASE),
        bootstrap=stack.kafka.bootstrap,
        username=login.username,
        password=login.password,
        smtp_port=stack.ports["smtp"],
        http_port=stack.ports["records-api"],
        mail=mails[-1].read_bytes().decode("utf-8", "replace"),
        samples={model.ce_type: await sample(stack, model) for model in MODELS},
    )


def _create_topics(stack: Stack) -> None:
    client = admin_client(stack.kafka.bootstrap, stack.kafka.credentials(ADMIN))
    made = client.create_topics([NewTopic(name, LOCAL_PARTITIONS, 1) for name in bare.TOPICS])
    for future in made.values():
        future.result(30)


async def sample(stack: Stack, model: type[Event]) -> tuple[dict[str, str], dict[str, Any]]:
    """Returns headers and body of the last message of that type on its topic."""
    login = stack.kafka.credentials(ADMIN)
    plan = bare.Plan("", stack.kafka.bootstrap, login.username, login.password, 0, 0, "", {})
    topic = next(topic for topic in TOPICS if model in topic.events)
    consumer = AIOKafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **plan.sasl)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic.name, number) for number in range(LOCAL_PARTITIONS)]
        consumer.assign(partitions)
        for partition, last in (await consumer.end_offsets(partitions)).items():
            consumer.seek(partition, max(0, last - 50))
        async with asyncio.timeout(10):
            async for message in consumer:
                headers = {name: value.decode() for name, value in message.headers}
                if headers["ce_type"] == model.ce_type:
                    return headers, orjson.loads(message.value)
    finally:
        await consumer.stop()
    raise LookupError(model.ce_type)


@asynccontextmanager
async def running(plan: bare.Plan) -> AsyncIterator[Processes]:
    """Yields both processes when they are ready."""
    processes = {}
    pipe = asyncio.subprocess.PIPE
    async with AsyncExitStack() as resources:
        for name in ("front", "back"):
            process = await launch("tests.benchmarks.bare", name, stdin=pipe, stdout=pipe)
            resources.push_async_callback(end, process)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(orjson.dumps(asdict(plan)) + b"\n")
            await process.stdin.drain()
            async with asyncio.timeout(30):
                if await process.stdout.readline() != b"ready\n":
                    raise RuntimeError(f"the bare pipeline's {name} did not start")
            processes[f"bare-{name}"] = process
        yield processes


async def wait_complete(plan: bare.Plan, processes: Processes, since: float, count: int) -> None:
    """Waits until all is handled. Raises StalledError if a process ended, or after a minute without progress."""
    connection = await asyncpg.connect(plan.dsn)
    try:
        last, moved_at = -1, time.monotonic()
        while (done := await connection.fetchval(PROGRESS, since)) < count:
            if done != last:
                last, moved_at = done, time.monotonic()
            if time.monotonic() - moved_at > PATIENCE_S:
                raise StalledError(f"the bare pipeline stands at {done} of {count}")
            if ended := [name for name, process in processes.items() if process.returncode is not None]:
                raise StalledError(f"{', '.join(ended)} ended at {done} of {count}; its last words are above")
            await asyncio.sleep(0.25)
    finally:
        await connection.close()


async def journeys(plan: bare.Plan, since: float) -> dict[str, Journey]:
    """Returns the journeys, like those of the services."""
    connection = await asyncpg.connect(plan.dsn)
    try:
        rows = await connection.fetch(JOURNEYS, since, bare.DECIDED, bare.PUBLISHED)
    finally:
        await connection.close()
    return {
        str(row["id"]): Journey(
            row["received"], row["decided"], row["published"], row["audited"], row["alerted"], "sent"
        )
        for row in rows
    }
