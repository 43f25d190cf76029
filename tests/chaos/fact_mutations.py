"""Reads very many spoiled structured documents for clinical facts.

python -m tests.chaos.fact_mutations [--documents 100000] [--seed 20]

None crashes, none takes over 2 s of CPU, the process grows by less than 100 MB, and no code gets a label or words that
stood with another. Shows the outcomes in a table. Exit code 0 when it holds; else the document's number is named.
"""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.infra.records.fact_mutations import MutationError, read_mutations


def main(
    documents: Annotated[int, typer.Option(min=1, help="How many documents.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same documents again.")] = 20,
) -> None:
    """Reads very many spoiled documents. Exits with 1 where one is read wrongly."""
    console = Console(width=110)
    try:
        report = read_mutations(documents, seed)
    except MutationError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from None
    table = Table("outcome", "reason", "times")
    for (outcome, reason), times in report.outcomes.most_common():
        table.add_row(outcome, reason, f"{times:,}")
    console.print(table)
    console.print(
        f"{report.outcomes.total():,} documents of seed {seed} in {report.seconds:.0f} s, {report.facts:,} facts, the "
        f"slowest in {1000 * report.slowest_s:.0f} ms of CPU; memory grew by {report.grown_kib / 1024:.0f} MiB"
    )


if __name__ == "__main__":
    typer.run(main)
