"""A campaign at 1/1000 and 1/100 of fifteen million: notices and codes per second, and the cost per code at each size.

.venv/bin/python tests/benchmarks/activation.py [--sizes 15000,150000] [--json FILE]

A real PostgreSQL (durable: fsync on) in a temporary folder, an invented register of each size, no limit of pace, no
time to object. A notice counts when its sealed request is in the outbox, in the same transaction as the note of who was
notified. A code counts when the record is open and the sealed request for a letter or mail is in the outbox. One
process, one connection; CPU is that of this process. The ratio is the time per code of the last size over that of the
first.
"""

import contextlib
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.cli.interruptible import run
from deploy.local.platform.errors import Interrupted
from deploy.local.platform.stack import Stack
from services.identity.campaigns.domain import NewCampaign
from services.identity.campaigns.usecases.create_campaign import create_campaign
from services.identity.campaigns.usecases.open_noticed import open_noticed
from services.identity.campaigns.usecases.send_notices import send_notices
from services.identity.kit.unit_of_work import Storage
from services.identity.openings.domain.openings import OpeningRules
from services.identity.people.domain.insured import InsuredPerson, InsuredSelection, parse_insured, seal_insured
from services.identity.people.store.insured import put_insured
from shared.db.pool import Pool, create_pool, transaction
from shared.runtime import clock
from shared.runtime.settings import PostgresSettings
from tests.infra.identity.accounts import KEYRINGS, RULES
from tests.infra.identity.registers import REGISTER_HEADER, register_lines
from tests.infra.platform.databases import Databases

RULES_NOW = OpeningRules(0, 50_000, 250, "https://dmp.example/opposition", "2026-11")
FASTEST = 1_000_000_000
AT_ONCE = 2_000
EMPTY_OUTBOX = "truncate outbox"
COUNT = "select (counts ->> 'noticed')::int, (counts ->> 'opened')::int from campaigns where id = $1"


@dataclass(frozen=True)
class Figures:
    """The figures of one size; times in seconds."""

    size: int
    notices: int
    notices_s: float
    notices_cpu_s: float
    codes: int
    codes_s: float
    codes_cpu_s: float

    @property
    def per_code_us(self) -> float:
        """The time per code in microseconds."""
        return 1e6 * self.codes_s / self.codes


async def measure(size: int, tell: Callable[[str], None]) -> Figures:
    """Runs the campaign on a separate PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="dmp-bench-") as folder:
        async with Stack(Path(folder) / "var", parts={"postgres"}) as stack:
            databases = Databases(stack.postgres.dsn())
            await databases.prepare()
            database = await databases.new("identity")
            settings = PostgresSettings.model_validate({"dsn": database.dsn})
            owner = PostgresSettings.model_validate({"dsn": database.owner_dsn})
            pool = await create_pool(settings, application="benchmark")
            relay = await create_pool(owner, application="benchmark")
            try:
                tell(f"{size}: filling the register")
                await _fill(pool, size)
                return await _campaign(pool, relay, size, tell)
            finally:
                pool.terminate()
                relay.terminate()


async def _campaign(pool: Pool, relay: Pool, size: int, tell: Callable[[str], None]) -> Figures:
    new = NewCampaign(InsuredSelection(), 0, FASTEST)
    campaign_id = await create_campaign(Storage(pool, KEYRINGS), new, "benchmark")
    tell(f"{size}: notices")
    notices_s, notices_cpu = await _all(lambda: send_notices(Storage(pool, KEYRINGS), RULES_NOW, campaign_id), relay)
    tell(f"{size}: openings with codes")
    codes_s, codes_cpu = await _all(
        lambda: open_noticed(Storage(pool, KEYRINGS), RULES.lookups, RULES_NOW, campaign_id), relay
    )
    noticed, opened = await _counts(pool, campaign_id)
    return Figures(size, noticed, notices_s, notices_cpu, opened, codes_s, codes_cpu)


async def _all(page: Callable[[], Awaitable[int]], relay: Pool) -> tuple[float, float]:
    """Handles every page, and returns wall and CPU seconds. The outbox is emptied between pages outside the measured
    time, as the relay would in a separate process."""
    wall = cpu = 0.0
    while True:
        started, started_cpu = time.perf_counter(), time.process_time()
        handled = await page()
        wall += time.perf_counter() - started
        cpu += time.process_time() - started_cpu
        if not handled:
            return wall, cpu
        await relay.execute(EMPTY_OUTBOX)


async def _counts(pool: Pool, campaign_id: UUID) -> tuple[int, int]:
    row = await pool.fetchrow(COUNT, campaign_id)
    assert row is not None
    return row[0], row[1]


async def _fill(pool: Pool, size: int) -> None:
    for batch in _batches(size):
        async with transaction(pool) as connection:
            await put_insured(connection, [seal_insured(KEYRINGS, person) for person in batch])


def _batches(size: int) -> Iterator[list[InsuredPerson]]:
    names, today = REGISTER_HEADER.split(";"), clock.now().date()
    batch: list[InsuredPerson] = []
    for line in register_lines(size):
        fields = dict(zip(names, line.split(";"), strict=True))
        batch.append(parse_insured(fields, today, test_keys=True))
        if len(batch) == AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def show(console: Console, measurements: list[Figures]) -> None:
    """Prints the figures as a table, with the ratio."""
    table = Table("insured", "notices", "notices/s", "CPU us each", "codes", "codes/s", "us each", "CPU us each")
    for measured in measurements:
        table.add_row(
            *(f"{measured.size:,}", f"{measured.notices:,}", f"{measured.notices / measured.notices_s:,.0f}"),
            f"{1e6 * measured.notices_cpu_s / measured.notices:.0f}",
            *(f"{measured.codes:,}", f"{measured.codes / measured.codes_s:,.0f}", f"{measured.per_code_us:.0f}"),
            f"{1e6 * measured.codes_cpu_s / measured.codes:.0f}",
        )
    console.print(table)
    console.print(f"cost per code, last over first: {measurements[-1].per_code_us / measurements[0].per_code_us:.2f}")


async def _measure_all(sizes: list[int], tell: Callable[[str], None]) -> list[Figures]:
    return [await measure(size, tell) for size in sizes]


def main(
    sizes: Annotated[str, typer.Option(help="Sizes of the register, separated by commas.")] = "15000,150000",
    json: Annotated[Path | None, typer.Option(help="Write all figures as JSON here.")] = None,
) -> None:
    """Measure a campaign's notices and codes."""
    console = Console(width=110)
    try:
        measurements = run(
            _measure_all([int(size) for size in sizes.split(",")], lambda text: print(text, file=sys.stderr))
        )
    except Interrupted:
        raise SystemExit(130) from None
    show(console, measurements)
    if json is not None:
        json.write_bytes(orjson.dumps([asdict(measured) for measured in measurements], option=orjson.OPT_INDENT_2))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command()(main)
        app()
