"""Faults that a machine causes in an installation: full file systems, frozen processes, no more descriptors."""

import asyncio
import contextlib
import errno
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from deploy.local.platform.stack import Stack
from tests.infra.platform.installation import Installation

TOP_UP_EVERY_S = 0.2
SPARE_DESCRIPTORS = 5
CONNECTIONS = 60
BALLAST = "ballast"
KILLED_AFTER_S = 10.0


class NotPermittedError(Exception):
    """This machine does not permit the fault; the message says which step."""


@contextlib.contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[None]:
    """Mounts a separate file system at the folder, with the folder's content. Raises NotPermittedError."""
    held = folder.with_name(f"{folder.name}.held")
    existed = folder.exists()
    if existed:
        folder.rename(held)
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        folder.rmdir()
        if existed:
            held.rename(folder)
        raise NotPermittedError(f"mounting a tmpfs is not permitted here: {done.stderr.strip()}")
    try:
        if existed:
            _copy(held, folder)
            shutil.rmtree(held)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _copy(source: Path, target: Path) -> None:
    """Copies with owners and modes, which PostgreSQL checks."""
    subprocess.run(["cp", "--archive", f"{source}/.", str(target)], check=True)


@asynccontextmanager
async def filled(folder: Path) -> AsyncIterator[None]:
    """Keeps the folder's file system full to the last byte, even when a file there is removed."""
    ballast = folder / BALLAST
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    filling = asyncio.create_task(_keep_full(descriptor, folder))
    try:
        yield
    finally:
        filling.cancel()
        await asyncio.wait({filling})
        os.close(descriptor)
        ballast.unlink()


@asynccontextmanager
async def filled_and_killed(installation: Installation, folder: Path, names: Sequence[str]) -> AsyncIterator[None]:
    """Fills the disk and kills processes, so that they lack the space to start again."""
    async with filled(folder):
        killing = asyncio.create_task(_kill(installation, names))
        try:
            yield
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)


async def _kill(installation: Installation, names: Sequence[str]) -> None:
    await asyncio.sleep(KILLED_AFTER_S)
    for name in names:
        pid = installation.pid(name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


async def _keep_full(descriptor: int, folder: Path) -> None:
    while True:
        system = os.statvfs(folder)
        free = system.f_bavail * system.f_frsize
        if free:
            try:
                os.posix_fallocate(descriptor, os.fstat(descriptor).st_size, free)
            except OSError as error:  # another process was quicker
                if error.errno != errno.ENOSPC:
                    raise
        await asyncio.sleep(TOP_UP_EVERY_S)


@asynccontextmanager
async def frozen(installation: Stack, name: str) -> AsyncIterator[None]:
    """Sends SIGSTOP to the process and all that it has started."""
    pid = installation.pid(name)
    assert pid is not None, f"{name} does not run"
    top = psutil.Process(pid)
    tree = [top, *top.children(recursive=True)]
    for process in tree:
        process.suspend()
    try:
        yield
    finally:
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def without_descriptors(installation: Installation, name: str) -> AsyncIterator[None]:
    """Uses up the descriptors of the process with idle connections."""
    pid = installation.pid(name)
    assert pid is not None, f"{name} does not run"
    process = psutil.Process(pid)
    before = process.rlimit(psutil.RLIMIT_NOFILE)
    address = urlsplit(installation.url(name.removesuffix("-api")))
    assert address.hostname is not None
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + SPARE_DESCRIPTORS, before[1]))
    async with AsyncExitStack() as resources:
        for _ in range(CONNECTIONS):
            connection = await asyncio.to_thread(socket.create_connection, (address.hostname, address.port or 80), 5)
            resources.callback(connection.close)
        try:
            yield
        finally:
            process.rlimit(psutil.RLIMIT_NOFILE, before)


@asynccontextmanager
async def without_supervisor(installation: Installation) -> AsyncIterator[None]:
    """Kills the supervisor, and everything with it; at the end starts it again."""
    await installation.kill_supervisor()
    try:
        yield
    finally:
        await installation.start()
