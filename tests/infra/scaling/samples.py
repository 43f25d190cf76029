"""How lag, replicas and workers go on over time."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tests.infra.scaling.kube_api import KubeApi
from tests.infra.scaling.worker_pods import WorkerPods

EVERY_S: Final = 1.0


@dataclass(frozen=True)
class Sample:
    """One look. `at`: Unix time; `lag`: of all groups together, as KEDA tells it, None while it cannot read it;
    `replicas`: wanted ones; `ready`: worker processes that are ready."""

    at: float
    lag: float | None
    replicas: int
    ready: int


@asynccontextmanager
async def watching(api: KubeApi, pods: WorkerPods) -> AsyncIterator[list[Sample]]:
    """Gives a list that gets a sample every second for the duration of the block."""
    samples: list[Sample] = []
    task = asyncio.create_task(_watch(api, pods, samples))
    try:
        yield samples
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(api: KubeApi, pods: WorkerPods, samples: list[Sample]) -> None:
    worker = f"{pods.service}-worker"
    while True:
        lag, replicas = await asyncio.gather(api.lag(worker), api.replicas(worker))
        samples.append(Sample(time.time(), lag, replicas, len(pods.running & pods.ready.keys())))
        await asyncio.sleep(EVERY_S)
