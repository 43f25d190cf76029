"""The consumers of a process: what they read, how far they lag, and whether its loops are alive."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from shared.contracts.declarations import Service
from shared.db.migrate import required_migrations
from shared.db.pool import Pool
from shared.http.app import is_ready
from shared.http.issuer_keys import Keys
from shared.messaging.broker_errors import BrokerUnreachableError, explained_broker_errors
from shared.messaging.cluster_metadata import fetch_cluster_id
from shared.messaging.consumer_lag import commit_offsets, observe_lag
from shared.messaging.outbox.recovery import Recovery
from shared.messaging.redrive import redriver_of
from shared.messaging.subscriber import make_broker, subscribe
from shared.messaging.subscription import Subscription
from shared.messaging.topics.watch import TopicWatch
from shared.runtime.retry import run_with_retry
from shared.runtime.settings import ServiceSettings
from shared.runtime.tasks import end_tasks
from shared.service.initial_metrics import start_worker_metrics
from shared.service.startup import explain_broker, prefix_of
from shared.service.terminal import complain

OBSERVE_EVERY_S = 5.0
COMMIT_EVERY_S = 1.0
TOPICS_POLL_S = 0.1
LONGEST_SILENCE_S = 60.0

Loop = Callable[[Pool], Awaitable[None]]
"""One round of a service's own loop. It returns after a round, or after a wait of a few seconds at most."""


@dataclass(frozen=True)
class Plan:
    """The parts of a process with consumers: subscriptions, loops by name, keys that verify tokens, and its recovery.

    `subscriptions_elsewhere`: those of another process of the service, whose messages are redriven here at an
    operator's request and not read.
    """

    service: Service
    subscriptions: Sequence[Subscription]
    loops: dict[str, Loop] = field(default_factory=dict)
    keys: Keys | None = None
    recovery: Recovery = field(default_factory=Recovery)
    subscriptions_elsewhere: Sequence[Subscription] = ()

    @property
    def all_subscriptions(self) -> tuple[Subscription, ...]:
        """The subscriptions of all processes of the service."""
        return (*self.subscriptions, *self.subscriptions_elsewhere)


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


class ConsumerRuntime:
    """The consumers and loops of a running process."""

    def __init__(self, plan: Plan, settings: ServiceSettings, pool: Pool) -> None:
        self.plan, self.settings, self.pool = plan, settings, pool
        start_worker_metrics(plan.service, plan.subscriptions)
        self.liveness = Liveness()
        self.required_migrations = required_migrations(plan.service)
        self._complaints: set[str] = set()
        self._is_reached = False
        prefix = settings.kafka.prefix
        self.broker = make_broker(settings.kafka, plan.service)
        self.topics = TopicWatch(settings.kafka, plan.service, [each.group for each in plan.all_subscriptions])
        self.redriver = redriver_of(pool, plan.all_subscriptions, prefix)
        self.consumers = self.redriver.consumers
        self.consumer_loops = [
            subscribe(
                self.broker, self.consumers[each.group.name], settings.kafka, partial(self.topics.is_usable, each.group)
            )
            for each in plan.subscriptions
        ]

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
        """Sets the gauges of the groups' lag."""
        await self.observe_lags()
        await asyncio.sleep(OBSERVE_EVERY_S)

    async def observe_lags(self) -> None:
        """Sets the gauges of the groups' lag, which are read from the broker."""
        prefix = self.settings.kafka.prefix
        await asyncio.gather(*(observe_lag(consumer_loop, prefix) for consumer_loop in self.consumer_loops))

    async def commit_offsets(self, _: Pool) -> None:
        """Commits the offsets of all groups to the broker, which shows their lag to autoscalers."""
        await asyncio.gather(*map(commit_offsets, self.consumer_loops))
        await asyncio.sleep(COMMIT_EVERY_S)

    async def check_topics(self, _: Pool) -> None:
        """Compares the topics with their declarations."""
        await self.topics.check()
        self.liveness.note("topics")
        await self.topics.wait()

    async def run_loop(self, name: str, loop: Loop) -> None:
        """Runs a loop for ever; logs errors and retries."""

        async def run_once() -> bool:
            await loop(self.pool)
            return False

        await run_with_retry(name, run_once, lambda: self.liveness.note(name))

    def loops(self) -> dict[str, Loop]:
        """Returns all loops by name: those of every process with consumers, and the service's own."""
        own = {"observe": self.observe, "offsets": self.commit_offsets, "topics": self.check_topics}
        return {**own, **self.plan.loops}

    def silent_loops(self) -> list[str]:
        """Returns the names of the consumers and the loops without progress for a minute."""
        moment = asyncio.get_running_loop().time()
        late = [
            consumer_loop.consumer.name
            for consumer_loop in self.consumer_loops
            if moment - consumer_loop.last_progress > LONGEST_SILENCE_S
        ]
        return sorted(late + self.liveness.silent_loops())

    async def stop_consumers(self) -> None:
        """Ends the consumers after their batches in work."""
        tasks = [task for consumer_loop in self.consumer_loops for task in consumer_loop.subscriber.tasks]
        await self.broker.stop()
        await end_tasks(tasks)


def add_health_routes(app: FastAPI) -> None:
    """Adds /livez and /readyz. `app.state` must hold `runtime`."""
    app.add_api_route("/livez", _livez)
    app.add_api_route("/readyz", _readyz)


def _runtime(request: Request) -> ConsumerRuntime:
    runtime: ConsumerRuntime = request.app.state.runtime
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
