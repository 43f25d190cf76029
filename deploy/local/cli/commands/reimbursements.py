"""`dmp import reimbursements`: imports files of the health insurance into records' database."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.cli.commands.common import fail, read_installation, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.platform.errors import LocalError
from deploy.local.platform.importer import RECORDS_OVERRIDE, reimbursement_importer_of
from services.records.reimbursements.domain.progress import ImportOutcome, ImportReport
from services.records.reimbursements.usecases.import_file import ReimbursementImporter
from shared.db.errors import DATABASE_ERRORS, is_transient
from shared.errors import CodedError
from shared.service.serving import freeze_gc

EXIT_REJECTED = 3
FilesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, readable=True, show_default=False)
]


def reimbursements(files: FilesArgument, var: VarOption, as_json: JsonOption = False) -> None:
    """Import files of reimbursements (CSV, also as gzip or zstd, or Parquet; columns and frame: docs/imports.md).

    A file that differs from its frame FILE.frame.json takes nothing. A run that was stopped goes on where it was; a
    file that was taken already takes nothing more. Rejected lines are listed in FILE.rejected.csv by number and code.
    The target is the running installation, or the database of RECORDS_POSTGRES__DSN with the keys of
    RECORDS_KEYS__INS_HMAC, RECORDS_KEYS__KEK and RECORDS_KEYS__INSURANCE.

    Exit codes: 0 all lines taken, 1 stopped (one line says why), 3 some lines were rejected, or nothing runs.

    Example: dmp import reimbursements day.csv.zst
    """
    if not os.environ.get(RECORDS_OVERRIDE):
        read_installation(var)
    importer = reimbursement_importer_of(var)
    freeze_gc()
    has_rejected = False
    for file in files:
        started = time.monotonic()
        outcome = _imported(importer, file)
        has_rejected |= outcome.rejected > 0
        _show(file, outcome, time.monotonic() - started, as_json)
    if has_rejected:
        raise typer.Exit(EXIT_REJECTED)


def _imported(importer: ReimbursementImporter, file: Path) -> ImportOutcome:
    try:
        return run(_watched(importer, file))
    except (CodedError, LocalError) as error:
        fail(1, f"{file.name}: {error}")
    except DATABASE_ERRORS as error:
        if not is_transient(error) or (isinstance(error, OSError) and error.filename):
            raise
        fail(1, "records' database does not answer: look with `dmp status`, then import the file again")


async def _watched(importer: ReimbursementImporter, file: Path) -> ImportOutcome:
    """Imports a file, with a progress bar on the error stream if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{file.name}: comparing with its frame", total=None, rate="")
        started, before = time.monotonic(), [-1]

        def report(progress: ImportReport) -> None:
            if before[0] < 0:
                before[0] = progress.lines
            rate = (progress.lines - before[0]) / max(time.monotonic() - started, 0.001)
            counts = f"{progress.lines:,} lines, {rate:,.0f}/s"
            bar.update(task, total=progress.total, completed=progress.lines, description=file.name, rate=counts)

        return await importer.import_file(file, report)


def _show(file: Path, outcome: ImportOutcome, seconds: float, as_json: bool) -> None:
    summary = {
        "file": file.name,
        "finished_before": outcome.was_finished,
        "resumed": outcome.was_begun,
        **dict(sorted(outcome.counts.items())),
        "seconds": round(seconds, 1),
    }
    if as_json:
        show_json(summary)
        return
    show_table(("import", ""), [(name.replace("_", " "), value) for name, value in summary.items()], "nothing")
