"""The import of reimbursements is killed again and again, and run again: no line is lost, none is doubled.

python tests/chaos/reimbursements.py [--lines 100000] [--kills 6] [--seed 1]

A real PostgreSQL (durable: fsync on) in a temporary folder and an invented day file. `python -m services.records
import-reimbursements` runs as an operator's does and is killed with SIGKILL at random moments: somewhere in the file,
often in the middle of a batch, and also before it takes anything. Each run goes on where the one before it ended; the
last one is left to its end. Then each line stands once, the counts of the file are those of its frame, and each record
has one entry for the ledger. Exit code 0 when it holds.
"""

import asyncio
import random
import signal
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import orjson
import typer

from deploy.local.platform.stack import Stack
from shared.contracts.audit import AccessRecorded
from tests.infra.load.documents import Person
from tests.infra.platform.commands import run_in_folder, tell
from tests.infra.platform.databases import Database, Databases
from tests.infra.platform.processes import start
from tests.infra.platform.waiting import eventually
from tests.infra.records.records_api import RecordsApi, run_records_api
from tests.infra.records.reimbursement_files import Fields, write_csv
from tests.infra.records.reimbursements import RINGS, recent_line

COMMAND = "import-reimbursements"
PERSONS = 200
KILLED_WITHIN = 0.8
"""The part of the file in which runs are killed, so that each is still running then."""
LONGEST_PAUSE_S = 0.3
TAKEN = 'select coalesce(sum("row"), 0)::bigint from reimbursement_files'
COUNT = """
select count(*) as lines, count(distinct line_key) as different, count(distinct record_id) as records,
       (select count(*) from reimbursement_keys) as keys, (select count(*) from reimbursement_files) as files,
       (select count(*) from reimbursement_files where finished_at is not null) as finished
from reimbursements where care is not null"""


def day_file(lines: int) -> Iterator[Fields]:
    """Yields the lines of a day, of several persons in turn."""
    for number in range(lines):
        days_ago = 1 + number % 60
        yield recent_line(Person(1 + number % PERSONS), 1 + number, days_ago=days_ago, sheet=f"S-{number // 5:012}")


async def play(folder: Path, lines: int, kills: int, seed: int) -> bool:
    """Runs everything on a separate PostgreSQL. Returns whether each line stands once."""
    tell(f"inventing a file of {lines:,} lines")
    file = await asyncio.to_thread(write_csv, folder / "day.csv.gz", day_file(lines))
    async with Stack(folder / "var", parts={"postgres"}) as stack:
        databases = Databases(stack.postgres.dsn())
        await databases.prepare()
        database = await databases.new("records")
        async with run_records_api(database) as api:
            for number in range(1, PERSONS + 1):
                await api.open_record(Person(number))
            started = time.monotonic()
            await kill_at_random(database, api, file, lines, kills, random.Random(seed))
            last = await start(database, COMMAND, str(file), rings=RINGS)
            output, errors = await last.communicate()
            seconds = time.monotonic() - started
            if last.returncode != 0:
                tell(f"the last run ended with {last.returncode}: {errors.decode()}")
                return False
            tell(f"{kills} kills, then to the end: {lines:,} lines in {seconds:.0f} s")
            return await is_exact(api, lines, orjson.loads(output))


async def kill_at_random(
    database: Database, api: RecordsApi, file: Path, lines: int, kills: int, source: random.Random
) -> None:
    """Starts the import and kills it, as often as asked for, each time further on in the file."""
    last = int(lines * KILLED_WITHIN)
    for place in sorted(source.randrange(last) for _ in range(kills)):
        process = await start(database, COMMAND, str(file), rings=RINGS)
        await eventually(partial(_is_past, api, process, place))
        await asyncio.sleep(source.uniform(0, LONGEST_PAUSE_S))
        await kill(process)
        tell(f"killed after row {await api.pool.fetchval(TAKEN):,}")


async def _is_past(api: RecordsApi, process: Process, place: int) -> bool:
    return process.returncode is not None or await api.pool.fetchval(TAKEN) >= place


async def kill(process: Process) -> None:
    """Kills a run with SIGKILL. Exits where it had ended by itself: then nothing was tried."""
    if process.returncode is None:
        process.kill()
    _, errors = await process.communicate()
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"a run ended by itself with {process.returncode}: {errors.decode()}")


async def is_exact(api: RecordsApi, lines: int, counts: dict[str, object]) -> bool:
    """Returns whether each line is stored once and counted once, and each record has one entry for the ledger."""
    row = await api.pool.fetchrow(COUNT)
    assert row is not None, "counts are one row"
    entries = [event.record_id for event in await api.announced(AccessRecorded)]
    records = min(PERSONS, lines)
    tell(f"stored {row['lines']:,}, different {row['different']:,}, counted as new {counts.get('new')}")
    tell(f"{row['records']} records, {len(entries)} entries for the ledger")
    return (
        row["lines"] == row["different"] == row["keys"] == counts.get("new") == lines
        and counts == {"file": "day.csv.gz", "finished_before": False, "new": lines}
        and row["files"] == row["finished"] == 1
        and row["records"] == len(entries) == len(set(entries)) == records
    )


def main(
    lines: Annotated[int, typer.Option(min=1000, help="Lines of the file.")] = 100_000,
    kills: Annotated[int, typer.Option(min=0, help="How often the import is killed.")] = 6,
    seed: Annotated[int, typer.Option(help="The same moments again.")] = 1,
) -> None:
    """Kills the import of reimbursements at random moments."""
    is_whole = run_in_folder("reimbursements", lambda folder: play(folder, lines, kills, seed))
    tell("nothing lost, nothing doubled" if is_whole else "NOT exact")
    raise SystemExit(0 if is_whole else 1)


if __name__ == "__main__":
    typer.run(main)
