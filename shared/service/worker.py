"""A worker: consumers, outbox relay, redriver, the service's own loops, and their health on a separate port."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from shared.contracts.declarations import Service
from shared.contracts.topics import TOPICS
from shared.db.migrate import required_migrations
from shared.db.pool import Pool, create_pool, wake_in_process
from shared.http.app import is_ready, metrics
from shared.http.door import Door
from shared.http.error_boundary import ErrorBoundary
from shared.http.issuer_keys import IssuerKeys, Keys
from shared.http.problems import install, problem
from shared.http.tokens import TokenVerifier
from shared.messaging import dead_letters, inbox, parked_messages
from shared.messaging.broker_errors import BrokerUnreachableError, explained_broker_errors
from shared.messaging.cluster_metadata import fetch_cluster_id
from shared.messaging.consumer_lag import commit_offsets, observe_lag
from shared.messaging.copy_ages import CopyAges
from shared.messaging.outbox import sent_facts
from shared.messaging.outbox.api import add_relay_routes
from shared.messaging.outbox.append import CHANNEL
from shared.messaging.outbox.leader import OwnTopics
from shared.messaging.outbox.lost import LossWatch, log_factory, topics_of
from shared.messaging.outbox.producer import producer_factory
from shared.messaging.outbox.recovery import Recovery
from shared.messaging.outbox.relay import Relay
from shared.messaging.recovery_routes import add_recovery_routes
from shared.messaging.redrive import redriver_of
from shared.messaging.subscriber import make_broker, subscribe
from shared.messaging.subscription import Subscription
from shared.messaging.topic_lags import add_topic_routes
from shared.messaging.topics.watch import TopicWatch
from shared.runtime.metrics import OUTBOX_LAG, OUTBOX_ROWS, PARKED_MESSAGES
from shared.runtime.retry import run_with_retry
from shared.runtime.settings import ServiceSettings
from shared.runtime.tasks import end_tasks
from shared.service.initial_metrics import start_worker_metrics
from shared.service.process_acts import add_process_routes
from shared.service.startup import explain_broker, prefix_of
from shared.service.terminal import complain

OBSERVE_EVERY_S = 5.0
COMMIT_EVERY_S = 1.0
TOPICS_POLL_S = 0.1
MAINTAIN_EVERY_S = 3600.0
LONGEST_SILENCE_S = 60.0
LONGEST_END_S = 2.0
OBSERVE_OUTBOX = """
select count(*) as rows, coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 as age
from (select created_at from outbox order by id limit 10000) as oldest"""

Loop = Callable[[Pool], Awaitable[None]]
"""One round of a service's own loop. It returns after a round, or after a wait of a few seconds at most."""


@dataclass(frozen=True)
class Plan:
    """The parts of a service's worker: subscriptions, loops by name, keys that verify tokens, and its recovery."""

    service: Service
    subscriptions: Sequence[Subscription]
    loops: dict[str, Loop] = field(default_factory=dict)
    keys: Keys | None = None
    recovery: Recovery = field(default_factory=Recovery)


@dataclass
class Liveness:
    """The last progress of each loop, in event loop seconds."""

    last_progress: dict[str, float] = field(default_factory=dict)

    def note(self, name: str) -> None:
        """Notes that this loop is alive."""
        self.last_progress[name] = asyncio.get_running_loop().time()

    def silent_loops(self) -> list[str]:
        """Returns the names of the loops without progress for a minute."""
        moment = asyncio.get_running_loop().time()
        return sorted(
            name for name, last_progress in self.last_progress.items() if moment - last_progress > LONGEST_SILENCE_S
        )


class WorkerRuntime:
    """The parts of a running worker."""

    def __init__(self, plan: Plan, settings: ServiceSettings, pool: Pool) -> None:
        self.plan, self.settings, self.pool = plan, settings, pool
        start_worker_metrics(plan.service, plan.subscriptions)
        self.liveness = Liveness()
        self.copy_ages = CopyAges()
        self.required_migrations = required_migrations(plan.service)
        self._complaints: set[str] = set()
        self._is_reached = False
        prefix = settings.kafka.prefix
        self.broker = make_broker(settings.kafka, plan.service)
        self.topics = TopicWatch(settings.kafka, plan.service, [each.group for each in plan.subscriptions])
        self.redriver = redriver_of(pool, plan.subscriptions, prefix)
        self.consumers = self.redriver.consumers
        self.consumer_loops = [
            subscribe(self.broker, each, settings.kafka, partial(self.topics.is_usable, each.subscription.group))
            for each in self.consumers.values()
        ]
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

    async def start_broker(self) -> None:
        """Connects the consumers, as soon as the broker can be reached and has all topics."""
        await run_with_retry("broker", self._connect, self._note_progress)

    async def _connect(self) -> bool:
        if not self.topics.can_start:
            if not self._is_reached:
                await self._fetch_cluster_id()
            await asyncio.sleep(TOPICS_POLL_S)
            return False
        cluster_id = await self._fetch_cluster_id()
        for consumer_loop in self.consumer_loops:
            consumer_loop.positions.cluster_id = cluster_id
        try:
            await self.broker.start()
        except BaseException:
            await self.broker.stop()
            raise
        return True

    async def _fetch_cluster_id(self) -> str:
        try:
            with explained_broker_errors(self.settings.kafka):
                cluster_id = await fetch_cluster_id(self.settings.kafka)
        except BrokerUnreachableError as error:
            self._complain(error)
            raise
        self._is_reached = True
        return cluster_id

    def _complain(self, error: BrokerUnreachableError) -> None:
        """Says once for each reason, on standard error, why the broker cannot be used; the worker goes on trying."""
        if str(error) not in self._complaints:
            self._complaints.add(str(error))
            complain(self.plan.service, explain_broker(error, prefix_of(self.settings)).text)

    def _note_progress(self) -> None:
        for consumer_loop in self.consumer_loops:
            consumer_loop.note_progress()

    async def observe(self, _: Pool) -> None:
        """Sets the gauges that are read from the broker and the database."""
        prefix = self.settings.kafka.prefix
        await asyncio.gather(*(observe_lag(consumer_loop, prefix) for consumer_loop in self.consumer_loops))
        outbox = await self.pool.fetchrow(OBSERVE_OUTBOX)
        if outbox is not None:
            OUTBOX_ROWS.set(outbox["rows"])
            OUTBOX_LAG.set(outbox["age"])
        await self.copy_ages.observe(self.pool)
        PARKED_MESSAGES.clear()
        for consumer_loop in self.consumer_loops:
            PARKED_MESSAGES.labels(consumer_loop.consumer.name, "dead").set(0)
        for row in await self.pool.fetch(parked_messages.COUNT_BY_REASON):
            PARKED_MESSAGES.labels(row["group_name"], row["reason"]).set(row["count"])
        await asyncio.sleep(OBSERVE_EVERY_S)

    async def commit_offsets(self, _: Pool) -> None:
        """Commits the offsets of all groups to the broker, which shows their lag to autoscalers."""
        await asyncio.gather(*map(commit_offsets, self.consumer_loops))
        await asyncio.sleep(COMMIT_EVERY_S)

    async def check_topics(self, _: Pool) -> None:
        """Compares the topics with their declarations."""
        await self.topics.check()
        self.liveness.note("topics")
        await self.topics.wait()

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

    async def run_loop(self, name: str, loop: Loop) -> None:
        """Runs a loop for ever; logs errors and retries."""

        async def run_once() -> bool:
            await loop(self.pool)
            return False

        await run_with_retry(name, run_once, lambda: self.liveness.note(name))

    def loops(self) -> dict[str, Loop]:
        """Returns all loops by name: those of every worker, and the service's own."""
        own = {"observe": self.observe, "offsets": self.commit_offsets, "sweep": self.sweep}
        return {**own, "maintain": self.maintain, "topics": self.check_topics, **self.plan.loops}

    def silent_loops(self) -> list[str]:
        """Returns the names of the consumers, the relay and the loops without progress for a minute."""
        moment = asyncio.get_running_loop().time()
        late = [
            consumer_loop.consumer.name
            for consumer_loop in self.consumer_loops
            if moment - consumer_loop.last_progress > LONGEST_SILENCE_S
        ]
        if moment - self.relay.last_progress > LONGEST_SILENCE_S:
            late.append("relay")
        return sorted(late + self.liveness.silent_loops())


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
        consumer_tasks = [task for consumer_loop in runtime.consumer_loops for task in consumer_loop.subscriber.tasks]
        await runtime.broker.stop()
        await end_tasks(consumer_tasks)
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
            app.state.redriver, app.state.consumer_loops = runtime.redriver, runtime.consumer_loops
            app.state.verifier = TokenVerifier(settings.tokens, plan.keys or IssuerKeys(runtime.pool, settings.tokens))
            yield

    app = FastAPI(title=f"{plan.service} worker", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.route_class = Door
    install(app)
    app.add_middleware(ErrorBoundary, render=problem, body_limit=64 * 1024)
    app.add_api_route("/livez", _livez)
    app.add_api_route("/readyz", _readyz)
    app.add_api_route("/metrics", metrics)
    add_relay_routes(app, plan.service)
    add_recovery_routes(app, plan.service, plan.subscriptions, log_factory(settings.kafka, plan.service), plan.recovery)
    dead_letters.add_routes(app)
    add_topic_routes(app, plan.service, [each.group for each in plan.subscriptions], settings.kafka)
    add_process_routes(app, plan.service)
    return app


def _runtime(request: Request) -> WorkerRuntime:
    runtime: WorkerRuntime = request.app.state.runtime
    return runtime


async def _livez(request: Request) -> Response:
    silent = _runtime(request).silent_loops()
    return JSONResponse({"status": "silent" if silent else "alive", "silent": silent}, 503 if silent else 200)


async def _readyz(request: Request) -> Response:
    """Returns whether the database has what this code needs and each topic is as declared, else what differs."""
    runtime = _runtime(request)
    complaints = runtime.topics.complaints()
    ready = await is_ready(runtime.pool, runtime.required_migrations) and not complaints
    status = {"status": "ready" if ready else "not ready", **({"topics": complaints} if complaints else {})}
    return JSONResponse(status, 200 if ready else 503)
