"""What reading a document's facts costs, compared with its deposit, in one run.

python -m tests.benchmarks.extraction [--seconds 12] [--repeats 200] [--deposit-ms 9.3]

Measures the CPU of the whole deposit chain for each document as `tests/benchmarks/main_job.py` does (`--deposit-ms`
takes that figure from elsewhere), then the CPU that this process spends on an invented synthesis of 60 KB and on a
laboratory report of 150 KB with 44 results: open the sealed content, read the facts, encode and seal the blocks. The
database's share is not in it. Goals: 0.5 and 0.8 of the chain.
"""

import statistics
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.records.clinical_facts.domain.codec import by_group, encode_block
from services.records.clinical_facts.domain.extraction import extract
from services.records.documents.domain.sealed_contents import open_content, seal_content
from shared.crypto.keyring import seal
from shared.runtime import clock
from tests.benchmarks.bench import Load, bench
from tests.infra.platform import costs
from tests.infra.platform.commands import run_command
from tests.infra.records.fact_documents import laboratory_report, synthesis

VERSION = clock.new_id(bucket=1)
DOCUMENTS = {
    "synthesis": (synthesis(7), 0.5),
    "laboratory report": (laboratory_report(44, 41_000), 0.8),
}
"""Name -> content and the goal: its largest ratio to the deposit chain."""


def reading(content: bytes) -> Callable[[], int]:
    """Returns the work for one document, which returns the number of its facts."""
    key = bytes(32)
    sealed = seal_content(key, VERSION, content)

    def read() -> int:
        facts = extract(open_content(key, VERSION, sealed), "text/xml", VERSION).facts
        for group, members in by_group(facts).items():
            seal(key, encode_block(members), VERSION.bytes + group.encode())
        return len(facts)

    return read


def cpu_ms(work: Callable[[], int], repeats: int) -> float:
    """Returns the median of the milliseconds of CPU that the work takes."""
    taken = []
    for _ in range(repeats):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return statistics.median(taken) * 1000


async def deposit_ms(seconds: float) -> float:
    """Returns the milliseconds of CPU of the deposit chain for a document, as fast as it goes."""
    async with bench([Load(None, seconds)], 50) as (made, hospital):
        (figures,) = await made.measure_services(hospital)
        return figures.cost


def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long deposits are sent.")] = 12,
    repeats: Annotated[int, typer.Option(min=1, help="How often each document is read.")] = 200,
    deposit: Annotated[float, typer.Option("--deposit-ms", help="The chain's CPU, not measured here.")] = 0,
) -> None:
    """Measures extraction beside the deposit chain. Exits with 1 where a goal is not reached."""
    console = Console(width=110)
    chain = deposit or run_command(deposit_ms(seconds))
    table = Table("document", "bytes", "facts", "ms of CPU", "of the chain", "goal")
    reached = True
    for name, (content, goal) in DOCUMENTS.items():
        work = reading(content)
        facts, cost = work(), cpu_ms(work, repeats)
        reached = reached and cost / chain <= goal
        table.add_row(name, f"{len(content):,}", str(facts), f"{cost:.2f}", f"{cost / chain:.2f}", str(goal))
    console.print(table)
    console.print(
        f"the deposit chain: {chain:.1f} ms of CPU for each document; a fixed piece of work: {costs.pace()} ms"
    )
    raise SystemExit(0 if reached else 1)


if __name__ == "__main__":
    typer.run(main)
