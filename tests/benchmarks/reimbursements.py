"""Imports of reimbursements: lines per second, CPU per line with few and many stored lines, a kill -9 in the middle.

.venv/bin/python tests/benchmarks/reimbursements.py [--lines 200000] [--stored 5000000] [--json FILE]

A real PostgreSQL (durable: fsync on) in a temporary folder and an invented day file of the insurance: 5 lines a sheet,
one sheet a person, in no order of persons. `python -m services.records import-reimbursements` runs as a process of its
own, as an operator's does: on an empty history; then killed in the middle and run again; then beside as many stored
lines as asked for, over all months. CPU is that of the process and of PostgreSQL's, from /proc.
"""

import asyncio
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import orjson
import psutil
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import run
from deploy.local.platform.errors import Interrupted
from deploy.local.platform.stack import Stack
from services.records.copies.steps import apply_record_copies
from shared.contracts.identity import RecordChanged, TraitFingerprints
from shared.crypto.fingerprints import ins_parts, trait_fingerprints
from shared.db.pool import transaction
from shared.runtime import clock
from tests.infra.http.tokens import SETTINGS
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.platform.databases import Database, Databases
from tests.infra.records.records_api import RING, ins_of, run_records_api, traits_of
from tests.infra.records.reimbursement_files import Fields, a_line, write_csv
from tests.infra.records.reimbursements import RINGS

ROOT = Path(__file__).resolve().parents[2]
LINES_A_SHEET = 5
PERSONS = 20_000
OPENED_AT_ONCE = 500
FEW = 50_000
TAKEN = 'select coalesce(sum("row"), 0)::bigint from reimbursement_files'
COUNT = "select count(*) from reimbursements where care is not null"
CARE_BYTES = 420
# Lines of other persons, spread over all months: what a statement must find its way through.
FILL = f"""
with made as (
  select (date_trunc('month', current_date) - make_interval(months => number % 24))::date as month,
         sha256(('record-' || number / 250)::bytea) as record, sha256(('line-' || number)::bytea) as line,
         sha256(('feed-' || number)::bytea) as feed
  from generate_series($1::integer, $2::integer) as number
), keys as (
  insert into reimbursement_keys (feed_key, kid, line_key, month)
  select substr(feed, 1, 16), 'insurance-1', substr(line, 1, 16), month from made
)
insert into reimbursements (month, bucket, record_id, line_key, feed_key, version, kind, care)
select month, get_byte(record, 0) * 256 + get_byte(record, 1), encode(substr(record, 1, 16), 'hex')::uuid,
       substr(line, 1, 16), substr(feed, 1, 16), 1, 'medicine',
       substr(decode(repeat(encode(line || feed, 'hex'), 8), 'hex'), 1, {CARE_BYTES})
from made"""
FILL_AT_ONCE = 100_000


@dataclass(frozen=True)
class Run:
    """One process. `lines`: those that it took. `cpu_s`: of the process; `database_cpu_s`: of PostgreSQL meanwhile."""

    name: str
    lines: int
    seconds: float
    cpu_s: float
    database_cpu_s: float
    exit_code: int

    @property
    def cpu_us(self) -> float:
        """CPU of both per line, in microseconds."""
        return 1e6 * (self.cpu_s + self.database_cpu_s) / max(self.lines, 1)


@dataclass(frozen=True)
class Figures:
    """All runs; the rows after the one that was killed; CPU per line beside many stored lines over that beside few."""

    size: int
    stored: int
    runs: tuple[Run, ...]
    rows: int
    growth: float


@dataclass
class Importing:
    """Starts imports into one database."""

    database: Database
    postgres: psutil.Process

    async def whole(self, name: str, file: Path) -> Run:
        """Runs the import to its end."""
        return await self._watched(name, file, None)

    async def killed(self, name: str, file: Path, at: int) -> Run:
        """Kills the import once this many rows are committed."""
        return await self._watched(name, file, at)

    async def _watched(self, name: str, file: Path, kill_at: int | None) -> Run:
        connection = await asyncpg.connect(self.database.dsn)
        try:
            before, database_before = await connection.fetchval(TAKEN), _cpu_of(self.postgres)
            started = time.perf_counter()
            process = self._start(file)
            while kill_at is not None and not _has_ended(process):
                if await connection.fetchval(TAKEN) >= kill_at:
                    process.kill()
                    break
                await asyncio.sleep(0.02)
            _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.perf_counter() - started
            lines = await connection.fetchval(TAKEN) - before
            database_cpu = _cpu_of(self.postgres) - database_before
        finally:
            await connection.close()
        return Run(name, lines, seconds, usage.ru_utime + usage.ru_stime, database_cpu, process.returncode)

    def _start(self, file: Path) -> "subprocess.Popen[bytes]":
        settings = {
            "RECORDS_POSTGRES__DSN": self.database.dsn,
            "RECORDS_KAFKA__BOOTSTRAP": "127.0.0.1:1",
            "RECORDS_TOKENS__ISSUER": SETTINGS.issuer,
            "RECORDS_TOKENS__JWKS_URL": SETTINGS.jwks_url,
            **{f"RECORDS_KEYS__{name.upper()}": ring for name, ring in RINGS.items()},
        }
        command = (sys.executable, "-m", "services.records", "import-reimbursements", str(file))
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)


def _has_ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether the process has ended. Leaves its exit code, because reading it would discard its CPU time."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _cpu_of(process: psutil.Process) -> float:
    """Returns the CPU seconds of a process and its children, also of those that have ended."""
    total = 0.0
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = member.cpu_times()
            total += times.user + times.system
            if member == process:
                total += times.children_user + times.children_system
    return total


def day_file(lines: int, first_sheet: int) -> Iterator[Fields]:
    """Yields the lines of a day: care of the last two months, in no order of persons."""
    chance = random.Random(first_sheet)
    today = clock.now().date()
    for sheet in range(first_sheet, first_sheet + lines // LINES_A_SHEET):
        day = (today - timedelta(days=chance.randrange(1, 60))).isoformat()
        person = Person(1 + chance.randrange(PERSONS))
        for number in range(1, LINES_A_SHEET + 1):
            yield a_line(person, number, sheet=f"S-{sheet:012}", care_from=day, care_to=day, paid_on="")


async def measure(size: int, stored: int, tell: Callable[[str], None]) -> Figures:
    """Runs all imports on a separate PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="dmp-bench-") as folder:
        tell(f"inventing files of {size:,} and {FEW:,} lines")
        files = Path(folder)
        big = write_csv(files / "big.csv", day_file(size, 0))
        few = [write_csv(files / f"few-{number}.csv", day_file(FEW, (number + 1) * 10**9)) for number in range(3)]
        async with Stack(files / "var", parts={"postgres"}) as stack:
            databases = Databases(stack.postgres.dsn())
            await databases.prepare()
            postgres = _postgres_of(stack)
            importing = Importing(await _with_records(databases, tell), postgres)
            runs = [await importing.whole("warm-up", few[0]), await importing.whole("beside 50,000 lines", few[1])]
            tell(f"filling {stored:,} lines")
            await _fill(importing.database, stored)
            runs.append(await importing.whole(f"beside {stored:,} lines", few[2]))
            importing = Importing(await _with_records(databases, tell), postgres)
            runs.append(await importing.killed("kill -9 in the middle", big, size // 2))
            runs.append(await importing.whole("run again to the end", big))
            rows = await _rows(importing.database)
        return Figures(size, stored, tuple(runs), rows, runs[2].cpu_us / runs[1].cpu_us)


def _postgres_of(stack: Stack) -> psutil.Process:
    """Returns the server's first process."""
    listening = [entry for entry in psutil.net_connections("tcp") if entry.status == "LISTEN" and entry.laddr]
    (server,) = {entry.pid for entry in listening if tuple(entry.laddr)[1:] == (stack.postgres.port,) and entry.pid}
    return psutil.Process(server)


async def _with_records(databases: Databases, tell: Callable[[str], None]) -> Database:
    database = await databases.new("records")
    tell(f"opening {PERSONS:,} records")
    async with run_records_api(database) as api:
        for first in range(1, PERSONS + 1, OPENED_AT_ONCE):
            opened = [message(_record_of(Person(number))) for number in range(first, first + OPENED_AT_ONCE)]
            async with transaction(api.pool) as connection:
                await apply_record_copies(api.vault, connection, opened)
    return database


def _record_of(person: Person) -> RecordChanged:
    record_id = uuid4()
    return RecordChanged(
        record_id=record_id,
        version=1,
        status="open",
        ins=RING.fingerprint(*ins_parts(ins_of(person))),
        traits=TraitFingerprints(**trait_fingerprints(RING, record_id, traits_of(person).normalised())),
        opened_at=clock.now(),
    )


async def _fill(database: Database, stored: int) -> None:
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        for first in range(0, stored, FILL_AT_ONCE):
            await connection.execute(FILL, first, min(first + FILL_AT_ONCE, stored) - 1)
        for table in ("reimbursements", "reimbursement_keys"):  # what the server would do during the measurement
            await connection.execute(f"vacuum (analyze) {table}")
    finally:
        await connection.close()


async def _rows(database: Database) -> int:
    connection = await asyncpg.connect(database.dsn)
    try:
        return int(await connection.fetchval(COUNT))
    finally:
        await connection.close()


def show(console: Console, figures: Figures) -> None:
    """Prints the figures as a table."""
    table = Table("measured", "lines", "seconds", "lines/s", "CPU us/line", "of it database", "exit")
    for measured in figures.runs:
        lines = max(measured.lines, 1)
        table.add_row(
            *(measured.name, f"{measured.lines:,}", f"{measured.seconds:.1f}"),
            *(f"{measured.lines / measured.seconds:,.0f}", f"{measured.cpu_us:.0f}"),
            *(f"{1e6 * measured.database_cpu_s / lines:.0f}", str(measured.exit_code)),
        )
    console.print(table)
    console.print(f"CPU per line beside {figures.stored:,} stored lines: {figures.growth:.2f} of that beside 50,000")
    is_exact = figures.rows == figures.size
    console.print(f"{figures.rows:,} rows of {figures.size:,} lines: {'exact' if is_exact else 'NOT exact'}")


def main(
    lines: Annotated[int, typer.Option(min=20_000, help="Lines of the file that is interrupted.")] = 200_000,
    stored: Annotated[int, typer.Option(min=FILL_AT_ONCE, help="Lines that are stored already.")] = 5_000_000,
    json: Annotated[Path | None, typer.Option(help="Write all figures as JSON here.")] = None,
) -> None:
    """Measure imports of reimbursements. Exits with 1 when a line is lost or doubled."""
    try:
        figures = run(measure(lines, stored, lambda text: print(text, file=sys.stderr)))
    except Interrupted:
        raise SystemExit(130) from None
    show(Console(width=110), figures)
    if json is not None:
        json.write_bytes(orjson.dumps(asdict(figures), option=orjson.OPT_INDENT_2))
    if figures.rows != figures.size:
        raise SystemExit(1)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
        app()
