"""A child process: its start, its health check and its end."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from deploy.local.platform.errors import StartError, explain

_LAUNCHER = Path(__file__).with_name("launch.py")
_LOG_LIMIT = 10 * 1024 * 1024
_TAIL = 4096
Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class Account:
    """The user and group that a child runs as."""

    uid: int
    gid: int


@dataclass(frozen=True)
class ChildSpec:
    """What to run. `healthy` is called until it returns True; `prepare` runs before each start.

    `patience` is the time limit until it is healthy, `grace` the time between `stop_signal` and SIGKILL, both in
    seconds. The system sends `orphan_signal` when the supervisor dies.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    healthy: Probe
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    prepare: Callable[[], None] | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    patience: float = 180
    grace: float = 5


class Child:
    """A running (or ended) process of a ChildSpec."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.log_problem = ""
        """Why its log could not be opened; empty if it writes its log."""
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id, or None while it does not run."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    async def start(self) -> None:
        """Starts the process; returns before it is healthy."""
        if self.spec.prepare is not None:
            await run_in_thread(self.spec.prepare)
        with self._open_log() as log:
            self._process = await spawn(self.spec, log)

    async def wait_healthy(self) -> None:
        """Returns when the process is healthy. Raises StartError if it ends or exceeds `patience`."""
        deadline = asyncio.get_running_loop().time() + self.spec.patience
        while not await self.spec.healthy():
            if self.pid is None:
                raise StartError(self.spec.name, self.why_ended(), self.spec.log)
            if asyncio.get_running_loop().time() > deadline:
                raise StartError(self.spec.name, f"not healthy after {self.spec.patience:.0f} s", self.spec.log)
            await asyncio.sleep(0.05)

    async def wait_ended(self) -> int:
        """Waits for the end of the process. Returns its exit code, negative for a signal."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> None:
        """Sends the stop signal and, after `grace`, SIGKILL. Returns when the process has ended."""
        if self._process is None or self.pid is None:
            return
        self.signal(self.spec.stop_signal)
        try:
            await asyncio.wait_for(self._process.wait(), self.spec.grace)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            await self._process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Sends the process a signal if it still runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def why_ended(self) -> str:
        """Returns how the process ended, with the last line of its log."""
        assert self._process is not None
        last = last_line(self.spec.log)
        return f"{describe_exit(self._process.returncode or 0)}{f', last words: {last}' if last else ''}"

    def _open_log(self) -> IO[bytes]:
        """Opens the log; if that fails, the process runs without one until its next start."""
        try:
            log = open_log(self.spec.log)
        except OSError as error:
            self.log_problem = explain(error)
            return Path(os.devnull).open("ab")
        self.log_problem = ""
        return log


async def run_in_thread(work: Callable[[], None]) -> None:
    """Runs blocking work in a thread to its end, even when cancelled, so that nothing it uses is removed before."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def spawn(spec: ChildSpec, log: IO[bytes]) -> asyncio.subprocess.Process:
    """Starts the process in a session of its own; its output is appended to the log."""
    account = spec.account or Account(-1, -1)
    ties = (str(os.getpid()), str(int(spec.orphan_signal)), str(account.uid), str(account.gid))
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_LAUNCHER), *ties, *spec.command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd=spec.directory,
        env=dict(spec.environment),
        start_new_session=True,
    )


def open_log(path: Path) -> IO[bytes]:
    """Opens a log for appending; a log beyond 10 MB is renamed to `.1.log` first, if possible."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".1.log"))
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def describe_exit(code: int) -> str:
    """Returns an exit code in words."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"


def last_line(log: Path) -> str:
    """Returns the last line of a log, at most 200 characters; empty if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1][:200] if lines else ""
