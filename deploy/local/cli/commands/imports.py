"""`dmp import insured` and `dmp import directory`: import files into identity's database."""

import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.cli.commands.common import fail, read_installation, show_json, show_table
from deploy.local.cli.commands.medicine_tables import interactions, medicines
from deploy.local.cli.commands.reimbursements import reimbursements
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.platform.errors import Interrupted, LocalError
from services.identity.imports.domain import AbsenceImplausibleError, FileIdentity, ImportProgress
from services.identity.imports.usecases.import_file import CompleteDirectory, Importer, ImportOutcome
from shared.db.errors import DATABASE_ERRORS, is_transient
from shared.errors import CodedError
from shared.service.serving import freeze_gc

EXIT_REJECTED = 3
_STEPS = {
    "reading": "reading",
    "structures": "entering structures",
    "professionals": "entering professionals",
    "absent": "looking for the absent",
    "done": "done",
}

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, readable=True)]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on where an earlier run with this file has ended.")]
Report = Callable[[ImportProgress, FileIdentity], None]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    group = typer.Typer(
        name="import",
        help="Import files: the insured register, the directory, reimbursements, medicines.",
        no_args_is_help=True,
    )
    for command in (insured, directory, reimbursements, medicines, interactions):
        group.command()(command)
    app.add_typer(group)


def insured(file: FileArgument, var: VarOption, resume: ResumeOption = False, as_json: JsonOption = False) -> None:
    """Import the insured register (CSV in UTF-8; columns: docs/imports.md). No person is notified.

    Importing a file again changes nothing. Rejected lines go to FILE.rejected.csv with their error codes; correct them
    there and import that file. The target is the running installation, or the database of IDENTITY_POSTGRES__DSN with
    the keys of IDENTITY_KEYS__INS_HMAC, IDENTITY_KEYS__CONTACTS and IDENTITY_KEYS__PERSONS.

    Exit codes: 0 all lines imported, 1 stopped (one line says why), 3 some lines were rejected, or nothing runs.

    Example: dmp import insured register.csv --resume
    """
    importer = _importer(var)
    _perform(file, as_json, lambda report: importer.insured(file, report, resume=resume))


def directory(
    file: FileArgument,
    var: VarOption,
    resume: ResumeOption = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Professionals missing from the file become inactive.")
    ] = False,
    strike_off_many: Annotated[
        bool, typer.Option("--strike-off-many", help="With --complete: even if more than a tenth are missing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import the directory of professionals (public extraction of the Annuaire Santé; columns: docs/imports.md).

    The lines of one professional make one entry; changes are announced. Importing a file again changes nothing.
    Rejected lines go to FILE.rejected.csv with their error codes; whom they name does not count as missing.

    Exit codes: 0 all lines imported, 1 stopped (one line says why), 3 some lines were rejected, or nothing runs.

    Example: dmp import directory PS_LibreAcces_Personne_activite.txt --complete
    """
    importer = _importer(var)
    whole = CompleteDirectory(strike_off_many) if complete else None
    _perform(file, as_json, lambda report: importer.directory(file, report, complete=whole, resume=resume))


def _importer(var: Path) -> Importer:
    from deploy.local.platform.importer import OVERRIDE, importer_of

    if not os.environ.get(OVERRIDE):
        read_installation(var)
    return importer_of(var)


def _perform(file: Path, as_json: bool, work: Callable[[Report], Awaitable[ImportOutcome]]) -> None:
    started = time.monotonic()
    freeze_gc()
    try:
        outcome = run(_watched(file, work))
    except Interrupted as interruption:
        raise Interrupted("the lines before are imported; go on with --resume") from interruption
    except (AbsenceImplausibleError, LocalError) as error:
        fail(1, str(error))
    except CodedError as error:
        fail(1, f"{file.name}: {error}")
    except DATABASE_ERRORS as error:
        if not is_transient(error) or (isinstance(error, OSError) and error.filename):
            raise
        fail(1, "identity's database does not answer: look with `dmp status`, then go on with --resume")
    _show(outcome, time.monotonic() - started, as_json)
    if outcome.progress.rejected:
        raise typer.Exit(EXIT_REJECTED)


async def _watched(file: Path, work: Callable[[Report], Awaitable[ImportOutcome]]) -> ImportOutcome:
    """Runs the work, with a progress bar on the error stream if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[rate]}"))
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{file.name}: reading", total=None, rate="")
        started, before = time.monotonic(), [-1]

        def report(progress: ImportProgress, mark: FileIdentity) -> None:
            if before[0] < 0:
                before[0] = progress.lines
            rate = (progress.lines - before[0]) / max(time.monotonic() - started, 0.001)
            counts = f"{progress.lines:,} lines, {rate:,.0f}/s, {progress.rejected:,} rejected"
            step = f"{file.name}: {_STEPS[progress.step]}"
            bar.update(task, total=mark.size, completed=progress.offset, description=step, rate=counts)

        return await work(report)


def _show(outcome: ImportOutcome, seconds: float, as_json: bool) -> None:
    progress = outcome.progress
    summary = {
        "lines": progress.lines,
        "changed": progress.changed,
        "rejected": progress.rejected,
        "naming_nobody": progress.unreadable,
        "rejected_file": str(outcome.rejected_file) if progress.rejected else None,
        "resumed": outcome.resumed,
        "seconds": round(seconds, 1),
    }
    if as_json:
        show_json(summary)
        return
    show_table(("import", ""), [(name.replace("_", " "), value) for name, value in summary.items()], "nothing")
