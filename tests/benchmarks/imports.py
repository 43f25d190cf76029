"""An import of the insured register, interrupted twice: its completeness, lines per second, CPU per line.

.venv/bin/python tests/benchmarks/imports.py [--lines 200000] [--json FILE]

A real PostgreSQL (durable: fsync on) in a temporary folder and an invented register. `dmp import insured` runs as a
separate process, like an operator's: first without disturbance; then, on an empty register, with a kill -9 in the
middle and, once resumed, with its connections to the database cut. Each time it continues with --resume. CPU is that of
the process, its threads and the processes that it starts; that of PostgreSQL is not counted.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import orjson
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import run
from deploy.local.platform.errors import Interrupted
from deploy.local.platform.stack import Stack
from tests.infra.identity.identity_api import KEYRING
from tests.infra.identity.registers import write_register
from tests.infra.platform.databases import Database, Databases

ROOT = Path(__file__).resolve().parents[2]
COUNT = "select count(*) from insured"
LINES = "select coalesce(max(lines), 0) from imports"
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'identity-import-insured'"
END_KILLED, END_CUT, END_DONE = (-signal.SIGKILL,), (0, 1), (0,)


@dataclass(frozen=True)
class Run:
    """One process. `lines`: the lines it committed. `expected`: whether it ended as required."""

    name: str
    lines: int
    seconds: float
    cpu_s: float
    exit_code: int
    expected: bool

    @property
    def cpu_us(self) -> float:
        """The CPU time per line in microseconds, including the start of the process."""
        return 1e6 * self.cpu_s / max(self.lines, 1)


@dataclass(frozen=True)
class Figures:
    """All runs, and the number of rows after the interrupted ones."""

    size: int
    runs: tuple[Run, ...]
    rows: int

    @property
    def is_exact(self) -> bool:
        """Whether each line is one row and each run ended as required."""
        return self.rows == self.size and all(run.expected for run in self.runs)


@dataclass
class Importing:
    """Starts imports of one file into one database."""

    file: Path
    database: Database

    async def whole(self, name: str) -> Run:
        """Runs the import to the end."""
        return await self._watch(name, END_DONE, None, None)

    async def killed(self, name: str, at: int) -> Run:
        """Kills the import once this many lines are committed."""

        async def kill(process: subprocess.Popen[bytes], _: asyncpg.Connection) -> None:
            process.kill()

        return await self._watch(name, END_KILLED, at, kill)

    async def cut(self, name: str, at: int) -> Run:
        """Ends its connections on the server once this many lines are committed. Within a batch the import stops and
        reports it; between two batches it connects again."""

        async def cut(_: "subprocess.Popen[bytes]", __: asyncpg.Connection) -> None:
            own = await asyncpg.connect(self.database.dsn)  # the importer's role may end its own connections
            try:
                assert await own.fetch(CUT), "the import has connections"
            finally:
                await own.close()

        return await self._watch(name, END_CUT, at, cut)

    async def rows(self) -> int:
        """Returns the number of people in the register."""
        connection = await asyncpg.connect(self.database.owner_dsn)
        try:
            return int(await connection.fetchval(COUNT))
        finally:
            await connection.close()

    async def _watch(
        self, name: str, expected: tuple[int, ...], at: int | None, disturb: Callable[..., object] | None
    ) -> Run:
        connection = await asyncpg.connect(self.database.owner_dsn)
        try:
            before = await connection.fetchval(LINES)
            started = time.perf_counter()
            process = self._start()
            while disturb and not _has_ended(process):
                if await connection.fetchval(LINES) >= (at or 0):
                    await disturb(process, connection)  # type: ignore[misc]
                    break
                await asyncio.sleep(0.02)
            code, cpu = await asyncio.to_thread(_ended, process)
            seconds = time.perf_counter() - started
            lines = await connection.fetchval(LINES) - before
        finally:
            await connection.close()
        return Run(name, lines, seconds, cpu, code, code in expected)

    def _start(self) -> "subprocess.Popen[bytes]":
        keys = {f"IDENTITY_KEYS__{name}": KEYRING for name in ("INS_HMAC", "CONTACTS", "PERSONS")}
        environment = {**os.environ, **keys, "IDENTITY_POSTGRES__DSN": self.database.dsn}
        command = (sys.executable, "-m", "deploy.local", "import", "insured", str(self.file), "--resume", "--json")
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the process has ended. Leaves its exit code, because reading it would discard its CPU time."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _ended(process: "subprocess.Popen[bytes]") -> tuple[int, float]:
    """Waits for the end. Returns the exit code (negative: the signal), and the CPU seconds with those of children."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


async def measure(size: int, tell: Callable[[str], None]) -> Figures:
    """Runs all imports on a separate PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="dmp-bench-") as folder:
        file = Path(folder) / "register.csv"
        tell(f"inventing {size:,} insured people")
        write_register(file, size)
        async with Stack(Path(folder) / "var", parts={"postgres"}) as stack:
            databases = Databases(stack.postgres.dsn())
            await databases.prepare()
            tell("undisturbed")
            runs = [await Importing(file, await databases.new("identity")).whole("undisturbed")]
            importing = Importing(file, await databases.new("identity"))
            tell("with a kill -9 and a cut connection")
            runs.append(await importing.killed("kill -9 of the import", size // 3))
            runs.append(await importing.cut("resumed; connections cut", 2 * size // 3))
            runs.append(await importing.whole("resumed to the end"))
            runs.append(await importing.whole("resumed when done"))
            return Figures(size, tuple(runs), await importing.rows())


def show(console: Console, figures: Figures) -> None:
    """Prints the figures as a table, with whether the count is exact."""
    table = Table("measured", "lines", "seconds", "lines/s", "CPU us/line", "exit")
    for measured in figures.runs:
        worked = measured.lines > 0
        table.add_row(
            *(
                measured.name,
                f"{measured.lines:,}",
                f"{measured.seconds:.1f}",
                f"{measured.lines / measured.seconds:,.0f}",
            ),
            *(
                f"{measured.cpu_us:.0f}" if worked else "-",
                f"{measured.exit_code}{'' if measured.expected else ' (!)'}",
            ),
        )
    console.print(table)
    console.print(f"{figures.rows:,} rows of {figures.size:,} lines: {'exact' if figures.is_exact else 'NOT exact'}")


def main(
    lines: Annotated[int, typer.Option(min=20_000, help="Lines of the register.")] = 200_000,
    json: Annotated[Path | None, typer.Option(help="Write all figures as JSON here.")] = None,
) -> None:
    """Measure an import that is interrupted. Exits with 1 when a line is lost or doubled."""
    try:
        figures = run(measure(lines, lambda text: print(text, file=sys.stderr)))
    except Interrupted:
        raise SystemExit(130) from None
    show(Console(width=110), figures)
    if json is not None:
        content = {**asdict(figures), "is_exact": figures.is_exact}
        json.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
    if not figures.is_exact:
        raise SystemExit(1)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
        app()
