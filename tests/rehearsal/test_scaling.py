"""Workers scale by lag: KEDA's operator and server of metrics, the API server and its autoscaler are the real ones.

The pods are simulated (`deploy.cluster`); for each pod of audit's Deployment a worker process runs on this machine.
Two cores cannot overload a worker, so that these take 25 records a second: their threshold follows by the same rule.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from confluent_kafka import KafkaError, KafkaException

from deploy.cluster.cluster import Cluster, KubectlError
from deploy.figures import LAG_S, figures
from deploy.local.platform.child import last_line
from deploy.local.platform.kafka import admin_client
from deploy.manifests.files import K8S
from deploy.manifests.processes import PROCESSES
from shared.messaging.topics.grants import ADMIN
from tests.chaos.checks import check_everything
from tests.deploy.cluster.objects import NAMESPACE, build
from tests.infra.messaging.flow import wait_complete
from tests.infra.platform.commands import tell
from tests.infra.platform.waiting import eventually
from tests.infra.records.depositing import Order, Result, Run
from tests.infra.records.hospital import Depositing, Hospital, depositing
from tests.infra.scaling.keda import keda
from tests.infra.scaling.kube_api import KubeApi
from tests.infra.scaling.login_kafka import LoginStack
from tests.infra.scaling.manifests import LEAST, MOST, scaling_objects
from tests.infra.scaling.samples import Sample, watching
from tests.infra.scaling.worker_pods import WorkerPods

WITHIN = "--timeout=120s"
WORKER, GROUP = "audit-worker", "audit.ledger"
WORKERS: Final = [process.name for process in PROCESSES if process.role == "worker"]
RECORDS_PER_BATCH, BATCH_EVERY_MS = 25, 400
"""audit's ledger is a background group: a batch begins every two and a half times this, which is a second."""
RECORDS_PER_S: Final = float(RECORDS_PER_BATCH)
THRESHOLD: Final = RECORDS_PER_S * LAG_S
SLOW: Final = {
    "AUDIT_KAFKA__MAX_POLL_RECORDS": str(RECORDS_PER_BATCH),
    "AUDIT_KAFKA__LINGER_MS": str(BATCH_EVERY_MS),
}
USUAL_RATE, TENFOLD_RATE = 2.0, 20.0
"""Deposits per second."""
RECORDS_PER_DOCUMENT: Final = figures().records_per_document[WORKER]
USUAL_COUNT, TENFOLD_COUNT, UNCOMMITTED_COUNT = 60, 1600, 60
RECORDS = 50
ADDED_WITHIN_S = 60.0
CALM_WITHIN_S = 240.0
LEDGER_WITHIN_S = 180.0


@dataclass
class Scene:
    """What runs: an installation whose ledger's workers follow the pods of a cluster, and a hospital."""

    stack: LoginStack
    cluster: Cluster
    api: KubeApi
    pods: WorkerPods
    hospital: Depositing
    began: float = field(default_factory=time.time)
    sent: int = 0
    results: list[Result] = field(default_factory=list)

    async def deposit(self, count: int, rate: float) -> None:
        """Deposits documents; returns when each is accepted."""
        run = Run(f"{self.stack.url('records')}/fhir", self.sent, count, time.time() + 0.5, rate, persist=True)
        self.sent += count
        results, _ = await self.hospital.run(run, tell)
        self.results += results

    async def assert_all_is_well(self) -> None:
        """Waits until every deposit is handled and the slow ledger has its entries; asserts that nothing is lost,
        doubled or untraced."""
        accepted = [result for result in self.results if result.status in (200, 201)]
        assert len(accepted) == self.sent
        await wait_complete(self.stack, self.began, self.sent, tell, patience=90)
        broken = []

        async def all_holds() -> bool:
            nonlocal broken
            checks = await check_everything(self.stack, self.began, self.results)
            broken = [check for check in checks if check.holds is False]
            return not broken

        try:
            await eventually(all_holds, seconds=LEDGER_WITHIN_S)
        except AssertionError:
            pytest.fail(f"after {LEDGER_WITHIN_S:.0f} s: {broken}")

    async def calm_down(self) -> float:
        """Waits until one worker is left; returns the seconds that it took."""
        began = time.monotonic()

        async def is_calm() -> bool:
            return await self.api.replicas(WORKER) == LEAST and len(self.pods.running) == LEAST

        await eventually(is_calm, seconds=CALM_WITHIN_S)
        return time.monotonic() - began


@pytest_asyncio.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    """The scene. KEDA scales all workers; those of audit run as processes for their pods."""
    async with AsyncExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory(prefix="dmp-scaling-")))
        os.chmod(folder, 0o711)  # PostgreSQL's user must be able to enter when we are root
        stack = await resources.enter_async_context(LoginStack(folder / "var"))
        hospital = await resources.enter_async_context(hospital_at(stack, folder))
        await stack.stop(WORKER)
        cluster = await resources.enter_async_context(Cluster(folder / "cluster"))
        await resources.enter_async_context(keda(cluster))
        built = await build(cluster, K8S / "base")
        objects = scaling_objects(built, stack.kafka, {WORKER: RECORDS_PER_S})
        await cluster.apply(item for item in objects if item["kind"] == "Namespace")
        await cluster.apply(objects, NAMESPACE)
        api = await resources.enter_async_context(KubeApi(cluster, "dmp"))
        yield Scene(stack, cluster, api, WorkerPods(api, stack, "audit", SLOW), hospital)


@asynccontextmanager
async def hospital_at(stack: LoginStack, folder: Path) -> AsyncIterator[Depositing]:
    """Yields a hospital with open records and built bodies."""
    async with Hospital(stack) as hospital, depositing(folder / "results.jsonl") as process:
        software = await hospital.register()
        persons = await hospital.open_records(RECORDS, tell)
        order = Order(
            token_url=f"{stack.url('identity')}/oauth/token",
            client_id=software.client_id,
            jwk=software.key.as_dict(private=True),
            persons=[person.number for person in persons],
            count=USUAL_COUNT + TENFOLD_COUNT + UNCOMMITTED_COUNT,
            seed=20261129,
            bodies=str(folder / "bodies.bin"),
            results=str(folder / "results.jsonl"),
        )
        await process.prepare(order, tell)
        yield process


async def test_every_worker_is_scaled_by_the_lag_of_its_groups(scene: Scene) -> None:
    """Each trigger signs in at the broker as the Secrets say, over TLS, and finds its group and its topic."""
    for kind, condition in (("scaledobjects", "Ready"), ("horizontalpodautoscalers", "ScalingActive")):
        try:
            await scene.cluster.kubectl("wait", kind, "--all", NAMESPACE, f"--for=condition={condition}", WITHIN)
        except KubectlError as error:
            described = await scene.cluster.kubectl("describe", kind, NAMESPACE)
            log = scene.cluster.layout.log("keda-operator").read_text("utf-8", "replace")
            pytest.fail(f"{error}\n{described[-6000:]}\n{log[-8000:]}")
    scalers = await scene.cluster.read("horizontalpodautoscalers", NAMESPACE)
    assert {scaler["spec"]["scaleTargetRef"]["name"] for scaler in scalers} == set(WORKERS)


async def test_a_group_that_has_never_committed_lags_by_all_that_its_topics_hold(scene: Scene) -> None:
    await forget_group(scene)
    async with watching(scene.api, scene.pods) as samples:
        await scene.deposit(UNCOMMITTED_COUNT, TENFOLD_RATE)
        await wait_until(lambda: samples[-1].replicas > LEAST)
        async with scene.pods.following():
            await scene.assert_all_is_well()
            await scene.calm_down()
            await wait_until(lambda: samples[-1].lag == 0)
    assert max(sample.lag or 0 for sample in samples) >= RECORDS_PER_DOCUMENT * UNCOMMITTED_COUNT


async def test_ten_times_the_load_adds_workers_within_a_minute_and_loses_nothing(scene: Scene) -> None:
    async with scene.pods.following():
        await scene.calm_down()
        async with watching(scene.api, scene.pods) as usual:
            await scene.deposit(USUAL_COUNT, USUAL_RATE)
        async with watching(scene.api, scene.pods) as samples:
            await scene.deposit(TENFOLD_COUNT, TENFOLD_RATE)
            await scene.assert_all_is_well()
            handled_at = time.time()
            calm_s = await scene.calm_down()
    report(samples, handled_at, calm_s)
    assert {sample.replicas for sample in usual} == {LEAST}
    assert first(samples, is_added) - first(samples, is_lagging) <= ADDED_WITHIN_S
    assert max(sample.ready for sample in samples) == MOST
    logs = {name: scene.stack.layout.log(name) for name in scene.pods.ready}
    assert {name: last_line(log) for name, log in logs.items() if not has_ended(log)} == {}
    await scene.assert_all_is_well()


def has_ended(log: Path) -> bool:
    """Whether a worker has ended by itself, within the time that its pod gives it."""
    return '"process.stopped"' in log.read_text("utf-8")


async def forget_group(scene: Scene) -> None:
    """Deletes what the broker knows of the group, which has no members; its offsets stand in the database."""
    client = admin_client(scene.stack.kafka.bootstrap, scene.stack.kafka.credentials(ADMIN))

    async def is_deleted() -> bool:
        try:
            await asyncio.to_thread(client.delete_consumer_groups([GROUP])[GROUP].result)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.NON_EMPTY_GROUP:
                raise
            return False  # its last member has not timed out yet
        return True

    await eventually(is_deleted, seconds=60)


async def wait_until(condition: Callable[[], bool]) -> None:
    async def holds() -> bool:
        return condition()

    await eventually(holds, seconds=CALM_WITHIN_S)


def is_lagging(sample: Sample) -> bool:
    return sample.lag is not None and sample.lag > THRESHOLD


def is_wanted(sample: Sample) -> bool:
    return sample.replicas > LEAST


def is_added(sample: Sample) -> bool:
    return sample.ready > LEAST


def is_full(sample: Sample) -> bool:
    return sample.ready == MOST


def first(samples: list[Sample], condition: Callable[[Sample], bool]) -> float:
    """Returns when a condition held first, in Unix time."""
    moments = [sample.at for sample in samples if condition(sample)]
    assert moments, f"{condition.__name__} has never held: {samples}"
    return moments[0]


def report(samples: list[Sample], handled_at: float, calm_s: float) -> None:
    """Prints the figures of docs/rehearsals.md."""
    lagging = first(samples, is_lagging)
    seconds = {
        "another replica wanted": first(samples, is_wanted) - lagging,
        "its process ready": first(samples, is_added) - lagging,
        "all processes ready": first(samples, is_full) - lagging,
        "all handled": handled_at - lagging,
    }
    for event, after in seconds.items():
        tell(f"{event}: {after:.0f} s after the lag was above {THRESHOLD:.0f} records")
    tell(f"largest lag: {max(sample.lag or 0 for sample in samples):.0f} records; calm again after {calm_s:.0f} s more")
