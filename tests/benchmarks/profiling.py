"""Profiles the CPU time of a process: py-spy from outside, if it is installed (`pip install py-spy`)."""

import asyncio
import shutil
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.local.platform.errors import LocalError
from deploy.local.platform.stack import Stack

HELP = "Tell where this process spends its time (needs py-spy); more than once for several."
_RATE = "100"
_SHOWN = 70
_WAITING = ("epoll_pwait", "PyThread_acquire_lock")
_DEEP = ["shared/", "services/"]


@asynccontextmanager
async def recording(stack: Stack, names: tuple[str, ...], seconds: float, folder: Path) -> AsyncIterator[None]:
    """Records these processes during the block, for at most `seconds`; prints the result afterwards."""
    if not names:
        yield
        return
    program = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        raise LocalError("--profile needs py-spy: pip install py-spy")
    started = [await _start(program, stack.pids[name], seconds, folder / f"{name}.raw") for name in names]
    yield
    for name, process in zip(names, started, strict=True):
        await process.wait()
        tell(name, (folder / f"{name}.raw").read_text("utf-8"))


async def _start(program: str, pid: int, seconds: float, path: Path) -> asyncio.subprocess.Process:
    options = ("--rate", _RATE, "--duration", str(round(seconds)), "--format", "raw", "--nonblocking")
    return await asyncio.create_subprocess_exec(
        *(program, "record", "--pid", str(pid), *options, "--output", str(path)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


def tell(name: str, raw: str) -> None:
    """Prints own and inclusive shares of the samples, by function; the stacks are `a;b;c count` lines."""
    own, inclusive, total = Counter[str](), Counter[str](), 0
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = [_short(frame) for frame in stack.split(";")]
        if any(mark in frame for frame in frames[-4:] for mark in _WAITING):
            continue
        total += int(count)
        own[frames[-1]] += int(count)
        for frame in set(frames):
            inclusive[frame] += int(count)
    print(f"\n{name}: {total} samples at {_RATE}/s, waiting left out", file=sys.stderr)
    python = Counter({frame: count for frame, count in inclusive.items() if ".py" in frame})
    for title, counts in (("own", own), ("with all they call", python)):
        print(f" {title}:", file=sys.stderr)
        for frame, samples in counts.most_common(_SHOWN):
            print(f"  {samples / max(1, total):6.1%}  {frame}", file=sys.stderr)


def _short(frame: str) -> str:
    """Returns `function (path/file.py:line)` with the end of the path and without the line."""
    function, _, place = frame.partition(" (")
    parts = place.rstrip(")").rsplit(":", 1)[0].split("/")
    return f"{function} ({'/'.join(parts[-3:])})" if place else frame
