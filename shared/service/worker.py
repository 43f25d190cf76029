"""A worker: consumers, outbox relay, redriver, the service's own loops, and their health on a separate port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from shared.contracts.topics import TOPICS
from shared.db.pool import Pool, create_pool, wake_in_process
from shared.http.app import metrics
from shared.http.door import Door
from shared.http.error_boundary import ErrorBoundary
from shared.http.issuer_keys import IssuerKeys
from shared.http.problems import install, problem
from shared.http.tokens import TokenVerifier
from shared.messaging import dead_letters, inbox, parked_messages
from shared.messaging.copy_ages import CopyAges
from shared.messaging.offset_routes import add_offset_routes
from shared.messaging.outbox import sent_facts
from shared.messaging.outbox.api import add_relay_routes
from shared.messaging.outbox.append import CHANNEL
from shared.messaging.outbox.leader import OwnTopics
from shared.messaging.outbox.lost import LossWatch, log_factory, topics_of
from shared.messaging.outbox.producer import producer_factory
from shared.messaging.outbox.relay import Relay
from shared.messaging.recovery_routes import add_recovery_routes
from shared.messaging.topic_lags import add_topic_routes
from shared.runtime.metrics import OUTBOX_LAG, OUTBOX_ROWS, PARKED_MESSAGES
from shared.runtime.settings import ServiceSettings
from shared.runtime.tasks import end_tasks
from shared.service.consumer_runtime import (
    LONGEST_SILENCE_S,
    OBSERVE_EVERY_S,
    ConsumerRuntime,
    Loop,
    Plan,
    add_health_routes,
)
from shared.service.process_acts import add_process_routes

__all__ = ("LONGEST_END_S", "Loop", "Plan", "WorkerRuntime", "at_work", "make_worker_app")

MAINTAIN_EVERY_S = 3600.0
LONGEST_END_S = 2.0
OBSERVE_OUTBOX = """
select count(*) as rows, coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as age
from (select created_at from outbox order by id limit 10000) as oldest"""


class WorkerRuntime(ConsumerRuntime):
    """The parts of a running worker."""

    def __init__(self, plan: Plan, settings: ServiceSettings, pool: Pool) -> None:
        super().__init__(plan, settings, pool)
        self.copy_ages = CopyAges()
        prefix = settings.kafka.prefix
        self.relay = Relay(
            settings.postgres.dsn.get_secret_value(),
            producer_factory(settings.kafka, plan.service),
            source=f"/services/{plan.service}",
            topics=OwnTopics(
                prefix,
                [topic for topic in TOPICS if topic.owner == plan.service and topic.has_heartbeats],
                lambda: self.topics.unusable,
            ),
            heartbeat_s=settings.freshness.heartbeat_s,
            watch=LossWatch(log_factory(settings.kafka, plan.service), topics_of(plan.service)),
            max_age_s=settings.postgres.max_connection_age_s,
        )
        wake_in_process(pool, CHANNEL, self.relay.wake)

    async def observe(self, _: Pool) -> None:
        """Sets the gauges that are read from the broker and the database."""
        await self.observe_lags()
        outbox = await self.pool.fetchrow(OBSERVE_OUTBOX)
        if outbox is not None:
            OUTBOX_ROWS.set(outbox["rows"])
            OUTBOX_LAG.set(outbox["age"])
        await self.copy_ages.observe(self.pool)
        PARKED_MESSAGES.clear()
        for group in self.consumers:
            PARKED_MESSAGES.labels(group, "dead").set(0)
        for row in await self.pool.fetch(parked_messages.COUNT_BY_REASON):
            PARKED_MESSAGES.labels(row["group_name"], row["reason"]).set(row["count"])
        await asyncio.sleep(OBSERVE_EVERY_S)

    async def sweep(self, _: Pool) -> None:
        """Redrives messages that a crash or a race has left parked, and expires dead letters that are too old."""
        await asyncio.sleep(OBSERVE_EVERY_S)
        await self.redriver.expire()
        await self.redriver.redrive_parked(None, lambda: self.liveness.note("sweep"))

    async def maintain(self, _: Pool) -> None:
        """Creates and drops table partitions of the inbox and of the sent facts."""
        async with self.pool.acquire() as connection:
            await inbox.maintain(connection)
            await sent_facts.maintain(connection)
        for _tick in range(int(MAINTAIN_EVERY_S / OBSERVE_EVERY_S)):
            self.liveness.note("maintain")
            await asyncio.sleep(OBSERVE_EVERY_S)

    def loops(self) -> dict[str, Loop]:
        """Returns all loops by name: those of every worker, and the service's own."""
        return {**super().loops(), "sweep": self.sweep, "maintain": self.maintain}

    def silent_loops(self) -> list[str]:
        """Returns the names of the consumers, the relay and the loops without progress for a minute."""
        silence = asyncio.get_running_loop().time() - self.relay.last_progress
        return sorted([*super().silent_loops(), *(["relay"] if silence > LONGEST_SILENCE_S else [])])


@asynccontextmanager
async def at_work(plan: Plan, settings: ServiceSettings) -> AsyncIterator[WorkerRuntime]:
    """Runs a worker for the duration of the block."""
    pool = await create_pool(settings.postgres, application=f"{plan.service}-worker")
    runtime = WorkerRuntime(plan, settings, pool)
    starting, relay = asyncio.create_task(runtime.start_broker()), asyncio.create_task(runtime.relay.run())
    tasks = [relay]
    tasks += [asyncio.create_task(runtime.run_loop(name, loop)) for name, loop in runtime.loops().items()]
    try:
        yield runtime
    finally:
        await end_tasks([starting])  # otherwise it would start consumers after they were stopped
        await runtime.stop_consumers()
        runtime.relay.stop()
        await asyncio.wait([relay], timeout=LONGEST_END_S)
        await end_tasks(tasks)
        pool.terminate()


def make_worker_app(plan: Plan, settings: ServiceSettings) -> FastAPI:
    """Makes the worker's app: /livez, /readyz, /metrics, and the routes for operators."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with at_work(plan, settings) as runtime:
            app.state.runtime, app.state.pool = runtime, runtime.pool
            app.state.redriver = runtime.redriver
            app.state.verifier = TokenVerifier(settings.tokens, plan.keys or IssuerKeys(runtime.pool, settings.tokens))
            yield

    app = FastAPI(title=f"{plan.service} worker", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.route_class = Door
    install(app)
    app.add_middleware(ErrorBoundary, render=problem, body_limit=64 * 1024)
    add_health_routes(app)
    app.add_api_route("/metrics", metrics)
    add_relay_routes(app, plan.service)
    groups, connect = [each.group for each in plan.all_subscriptions], log_factory(settings.kafka, plan.service)
    add_recovery_routes(app, plan.service, plan.all_subscriptions, connect, plan.recovery)
    dead_letters.add_routes(app)
    add_offset_routes(app, groups, connect, settings.kafka.prefix)
    add_topic_routes(app, plan.service, groups, settings.kafka)
    add_process_routes(app, plan.service)
    return app
