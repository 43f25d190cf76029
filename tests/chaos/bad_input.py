"""Sends very many spoiled messages, CDAs and archives through the readers of their doors.

python -m tests.chaos.bad_input [--inputs 100000] [--seed 18]

Half of the inputs are HL7 v2 messages, a quarter CDAs, a quarter XDM archives. Each gets an acknowledgement, a clear
4xx or is read; none crashes, none takes over 5 s of CPU; the process grows by less than 100 MB; no error and no output
repeats what an input said. Shows the answers in a table. Exit code 0 when it holds; else the input's number is named.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Annotated

import typer
from rich.console import Console
from rich.table import Table

from tests.infra.records.bad_input import SECRETS, BadInputError, BadInputReport, read_inputs


@contextmanager
def captured_output() -> Iterator[IO[bytes]]:
    """Collects what the process writes on both of its streams, and yields it."""
    with tempfile.TemporaryFile() as written:
        kept = [os.dup(number) for number in (1, 2)]
        sys.stdout.flush()
        try:
            for number in (1, 2):
                os.dup2(written.fileno(), number)
            yield written
        finally:
            sys.stdout.flush()
            for number, former in zip((1, 2), kept, strict=True):
                os.dup2(former, number)
                os.close(former)


def show(console: Console, report: BadInputReport, seed: int) -> None:
    """Prints how often each kind of input got each answer."""
    table = Table("input", "answer", "times")
    for (kind, answer), times in sorted(report.outcomes.items(), key=lambda item: (item[0][0], -item[1])):
        table.add_row(kind, answer, f"{times:,}")
    console.print(table)
    console.print(
        f"{report.outcomes.total():,} inputs of seed {seed} in {report.seconds:.0f} s, the slowest in "
        f"{1000 * report.slowest_s:.0f} ms of CPU; memory grew by {report.grown_kib / 1024:.0f} MiB"
    )


def main(
    inputs: Annotated[int, typer.Option(min=1, help="How many inputs.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same inputs again.")] = 18,
) -> None:
    """Reads very many spoiled inputs. Exits with 1 where one gets no clear answer."""
    console = Console(width=110)
    try:
        with captured_output() as written:
            report = read_inputs(inputs, seed)
            written.seek(0)
            output = written.read().decode(errors="replace")
    except BadInputError as error:
        console.print(f"[red]{error}[/red]")
        raise SystemExit(1) from None
    show(console, report, seed)
    if any(secret in output for secret in SECRETS):
        console.print("[red]content of an input stands in the output[/red]")
        raise SystemExit(1)


if __name__ == "__main__":
    typer.run(main)
