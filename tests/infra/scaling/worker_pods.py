"""Real worker processes for the simulated pods of a Deployment: one runs for as long as its pod is there."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from deploy.local.platform.child import Child, ChildSpec
from deploy.local.platform.errors import StartError
from deploy.local.platform.ports import Ports
from deploy.local.platform.probes import answers
from deploy.local.platform.stack import Stack
from tests.infra.scaling.kube_api import KubeApi

LOOK_EVERY_S: Final = 0.5
GRACE_S: Final = 25
"""Seconds that a worker has to end, as its pod would give it."""


@dataclass
class WorkerPods:
    """The processes of one service's worker. `settings`: variables besides those of the installation.

    `ready`: when each process that ever ran was ready, by the name of its pod, in Unix time.
    """

    api: KubeApi
    stack: Stack
    service: str
    settings: Mapping[str, str]
    ready: dict[str, float] = field(default_factory=dict)
    _children: dict[str, Child] = field(default_factory=dict)
    _started: set[str] = field(default_factory=set)
    _ports: Ports = field(default_factory=Ports)

    @property
    def running(self) -> set[str]:
        """The pods whose processes run."""
        return {name for name, child in self._children.items() if child.pid is not None}

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Starts and ends processes with their pods for the duration of the block; at its end, ends all."""
        with self._ports:
            task = asyncio.create_task(self._follow())
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await self._end(self._started)

    async def _follow(self) -> None:
        selector = f"app.kubernetes.io/name={self.service},app.kubernetes.io/component=worker"
        async with asyncio.TaskGroup() as group:
            while True:
                pods = await self.api.pods(selector)
                for name in pods - self._children.keys():
                    self._children[name] = child = Child(self._spec(name))
                    group.create_task(self._start(name, child))
                await self._end(self._started - pods)
                await asyncio.sleep(LOOK_EVERY_S)

    async def _start(self, name: str, child: Child) -> None:
        await child.start()
        self._started.add(name)
        try:
            await child.wait_healthy()
        except StartError:
            if name in self._started:  # its pod is still there
                raise
        else:
            self.ready[name] = time.time()

    async def _end(self, names: Iterable[str]) -> None:
        """Ends the processes as a cluster does: SIGTERM, then SIGKILL to one that does not end."""
        ended = sorted(names)
        self._started -= set(ended)
        await asyncio.gather(*(self._children[name].stop() for name in ended))
        for name in ended:
            del self._children[name]

    def _spec(self, name: str) -> ChildSpec:
        """Returns a worker like the installation's, but a member of its groups that comes and goes."""
        self._ports.claim([name], None)
        port, prefix = self._ports[name], self.service.upper()
        usual = self.stack.services.process(self.service, "worker")
        own = {f"{prefix}_WORKER__PORT": str(port), **self.settings}
        variables = {**usual.environment, **own}
        del variables[f"{prefix}_KAFKA__INSTANCE_ID"]
        return replace(
            usual,
            name=name,
            log=self.stack.layout.log(name),
            healthy=lambda: answers(port, "/readyz"),
            environment=variables,
            grace=GRACE_S,
        )
