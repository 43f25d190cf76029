"""Supervises child processes: starts them, restarts one that dies, ends all in reverse order."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.local.platform.child import Child, ChildSpec, describe_exit
from deploy.local.platform.errors import LocalError, StartError, explain

_FIRST_DELAY, _LONGEST_DELAY = 0.2, 5.0
_STABLE_AFTER = 30.0
State = Literal["ready", "died", "failed", "stopped"]


@dataclass(frozen=True)
class Progress:
    """A step of a child, for a person who watches; `seconds` is its duration."""

    name: str
    state: State
    seconds: float = 0
    detail: str = ""


Report = Callable[[Progress], None]


@dataclass
class ManagedChild:
    """A child and its history; `since` is its last start in Unix time."""

    child: Child
    rank: int
    restarts: int = 0
    since: float = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    keeper: asyncio.Task[None] | None = None


class Supervisor:
    """The children by name. Use it from one event loop, whose thread must live as long as the children."""

    def __init__(self, report: Report) -> None:
        """`report` receives each step; an OSError or ValueError that it raises is ignored."""
        self._report_step = report
        self._managed: dict[str, ManagedChild] = {}
        self._ranks = 0

    @property
    def managed(self) -> dict[str, ManagedChild]:
        """All children, in the order of their start."""
        return dict(self._managed)

    async def start(self, *specs: ChildSpec) -> None:
        """Starts children together; returns when all are healthy. They end before those of earlier calls."""
        self._ranks += 1
        for spec in specs:
            self._managed[spec.name] = ManagedChild(Child(spec), self._ranks)
        await run_together(*(self._start(self._managed[spec.name]) for spec in specs))

    async def start_again(self, name: str) -> None:
        """Starts a stopped child; returns when it is healthy."""
        await self._start(self._managed[name])

    async def stop(self, name: str) -> None:
        """Ends one child; it stays ended until `start_again`."""
        managed = self._managed[name]
        await self._unsupervise(managed)
        await managed.child.stop()

    async def kill(self, name: str, *, restart: bool = True) -> int:
        """Kills one child with SIGKILL. Returns its process id; by default the child is restarted, as after a crash."""
        managed = self._managed[name]
        pid = managed.child.pid
        if pid is None:
            raise LocalError(f"{name} does not run")
        if not restart:
            await self._unsupervise(managed)
        managed.ready.clear()
        managed.child.signal(signal.SIGKILL)
        await managed.child.wait_ended()
        return pid

    async def wait_ready(self, name: str, timeout: float = 180) -> None:
        """Returns when the child is healthy (again). Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            await self._managed[name].ready.wait()

    async def stop_all(self) -> None:
        """Ends all children, the last started first."""
        for managed in self._managed.values():
            await self._unsupervise(managed)
        for rank in range(self._ranks, 0, -1):
            await asyncio.gather(*(self._end(m) for m in self._managed.values() if m.rank == rank))

    async def _start(self, managed: ManagedChild) -> None:
        started = time.monotonic()
        managed.since = time.time()
        await managed.child.start()
        await managed.child.wait_healthy()
        self._report_ready(managed, started)
        managed.keeper = asyncio.create_task(self._keep(managed))

    def _report_ready(self, managed: ManagedChild, started: float, detail: str = "") -> None:
        managed.ready.set()
        if managed.child.log_problem:
            detail = f"{detail} without its log: {managed.child.log_problem}".strip()
        self._report(Progress(managed.child.spec.name, "ready", time.monotonic() - started, detail))

    def _report(self, progress: Progress) -> None:
        with contextlib.suppress(OSError, ValueError):  # a full disk, a closed pipe, a closed stream
            self._report_step(progress)

    async def _end(self, managed: ManagedChild) -> None:
        started = time.monotonic()
        if managed.child.pid is not None:
            await managed.child.stop()
            self._report(Progress(managed.child.spec.name, "stopped", time.monotonic() - started))

    async def _unsupervise(self, managed: ManagedChild) -> None:
        """Stops restarting the child."""
        managed.ready.clear()
        if managed.keeper is not None:
            managed.keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await managed.keeper
            managed.keeper = None

    async def _keep(self, managed: ManagedChild) -> None:
        """Restarts the child whenever it ends, after a delay that doubles until the child was stable."""
        delay = _FIRST_DELAY
        while True:
            code = await managed.child.wait_ended()
            managed.ready.clear()
            if time.time() - managed.since > _STABLE_AFTER:
                delay = _FIRST_DELAY
            name = managed.child.spec.name
            self._report(Progress(name, "died", detail=f"{describe_exit(code)}, restarting in {delay:.1f} s"))
            await asyncio.sleep(delay)
            delay = min(delay * 2, _LONGEST_DELAY)
            managed.restarts += 1
            await self._restart(managed)

    async def _restart(self, managed: ManagedChild) -> None:
        """Attempts one restart; after any error the next attempt follows, with a longer delay."""
        started = time.monotonic()
        managed.since = time.time()
        try:
            await managed.child.start()
            await managed.child.wait_healthy()
        except Exception as error:  # an unexpected error must not leave the child down either
            reason = explain(error) if isinstance(error, OSError) else str(error) or type(error).__name__
            self._report(Progress(managed.child.spec.name, "failed", detail=reason))
            await managed.child.stop()
        else:
            self._report_ready(managed, started, "again")


async def run_once(spec: ChildSpec, timeout: float = 600) -> None:
    """Runs a command to its end. Raises StartError unless its exit code is 0."""
    child = Child(spec)
    await child.start()
    try:
        async with asyncio.timeout(timeout):
            code = await child.wait_ended()
    except TimeoutError as error:
        raise StartError(spec.name, f"not done after {timeout:.0f} s", spec.log) from error
    finally:
        await child.stop()
    if code != 0:
        raise StartError(spec.name, child.why_ended(), spec.log)


async def run_together(*work: Awaitable[Any]) -> None:
    """Awaits all; the first error cancels the others and is raised unchanged."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
