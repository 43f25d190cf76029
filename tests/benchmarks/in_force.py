"""Measures how long a change of rights takes until it is in force, while documents arrive.

.venv/bin/python tests/benchmarks/in_force.py [--rate 40] [--changes 300] [--json FILE]

Everything runs as in tests/benchmarks/main_job.py. While deposits arrive at the rate, patients authorise a doctor and
end the authorisation again, one change after the other with a pause of 50 ms, each with `Prefer: wait=10`. Times are
those of the answers' `Server-Timing`: from the change's commit to the moment at which the answer that it is in force is
written.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import asyncpg
import httpx2
import orjson
import typer
from rich.console import Console
from rich.table import Table

from deploy.local.platform.databases import app_dsn
from tests.benchmarks.bench import Bench, Load, bench
from tests.benchmarks.figures import Latency
from tests.infra.platform.commands import run_command

DOCTOR = "899700000001"
RECORDS = 20
PAUSE_S = 0.05
GOALS = {"p50": 50.0, "p99": 1000.0}


async def measure(rate: float, changes: int) -> tuple[Latency, Latency, int]:
    """Returns the latency by the services' clock, the latency that the caller sees, and the number of late changes."""
    seconds = changes * 0.25 + 5
    load = Load(rate, seconds)
    async with bench([load], RECORDS) as (made, hospital):
        depositing = asyncio.create_task(hospital.run(made.run(made.url, time.time() + 0.2, 0), lambda _: None))
        try:
            return await _change(made, changes)
        finally:
            depositing.cancel()
            await asyncio.gather(depositing, return_exceptions=True)


async def _change(made: Bench, changes: int) -> tuple[Latency, Latency, int]:
    records = await _records(made)
    inside, outside, late = [], [], 0
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:
        headers = {record_id: await _headers(client, made, record_id) for record_id in records}
        for number in range(changes):
            record_id = records[number % len(records)]
            method = "PUT" if number // len(records) % 2 == 0 else "DELETE"
            url = f"{made.stack.url('consent')}/records/{record_id}/authorisations/{DOCTOR}"
            started = time.perf_counter()
            answer = await client.request(method, url, headers=headers[record_id])
            outside.append(time.perf_counter() - started)
            if answer.status_code != 200:
                late += 1
                continue
            inside.append(float(answer.headers["server-timing"].rpartition("=")[2]) / 1000)
            await asyncio.sleep(PAUSE_S)
    return Latency.of(inside), Latency.of(outside), late


async def _records(made: Bench) -> list[str]:
    connection = await asyncpg.connect(app_dsn(made.stack.postgres, made.stack.secrets, "consent"))
    try:
        rows = await connection.fetch("select record_id from consent_states limit $1", RECORDS)
    finally:
        await connection.close()
    return [str(row["record_id"]) for row in rows]


async def _headers(client: httpx2.AsyncClient, made: Bench, record_id: str) -> dict[str, str]:
    body = {"kind": "patient", "record_id": record_id}
    answer = await client.post(f"{made.stack.url('identity')}/demo/sign-in", json=body)
    return {"authorization": f"Bearer {answer.raise_for_status().json()['access_token']}", "prefer": "wait=10"}


def main(
    rate: Annotated[float, typer.Option(help="Deposits per second meanwhile.", min=0.1)] = 40,
    changes: Annotated[int, typer.Option(help="Changes of rights.", min=10)] = 300,
    json: Annotated[Path | None, typer.Option(help="Write the figures as JSON here.")] = None,
) -> None:
    """Measure how long a change of rights takes until it is in force."""
    inside, outside, late = run_command(measure(rate, changes))
    table = Table("milliseconds", "p50", "p95", "p99", "longest", "changes")
    for name, latency in (("change -> in force", inside), ("as the caller sees it", outside)):
        table.add_row(
            name, *(str(value) for value in (latency.p50, latency.p95, latency.p99, latency.longest, latency.count))
        )
    console = Console(width=100)
    console.print(table)
    console.print(f"not in force within 10 s: {late}")
    for goal, limit in GOALS.items():
        console.print(f"goal {goal} < {limit:.0f} ms: {'reached' if getattr(inside, goal) < limit else 'not reached'}")
    if json is not None:
        figures: dict[str, Any] = {"rate": rate, "in_force": inside, "caller": outside, "late": late}
        json.write_bytes(orjson.dumps(figures))


if __name__ == "__main__":
    typer.run(main)
