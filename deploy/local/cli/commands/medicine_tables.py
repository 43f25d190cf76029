"""`dmp import medicines` and `dmp import interactions`: load tables about medicines into records' database."""

import os
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.cli.commands.common import fail, read_installation, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.platform.errors import LocalError
from deploy.local.platform.importer import RECORDS_OVERRIDE, records_postgres_of
from services.records.medicine_commands import PUBLIC_FILES
from services.records.medicines.domain.table_loads import Edition, FileCounts, LoadOutcome
from services.records.medicines.steps.load_table import Report
from services.records.medicines.usecases.import_interactions import InteractionImporter
from services.records.medicines.usecases.import_medicines import MedicineImporter
from shared.db.errors import DATABASE_ERRORS, is_transient
from shared.errors import CodedError
from shared.runtime.settings import PostgresSettings

EXIT_REJECTED = 3
FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, readable=True, show_default=False)]
FileArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, show_default=False)]
DayOption = Annotated[datetime, typer.Option("--dated-on", formats=["%Y-%m-%d"], help="The day of the edition.")]
SourceOption = Annotated[str, typer.Option("--source", help="What warnings name as their source.")]


def medicines(
    files: FilesArgument,
    dated_on: DayOption,
    var: VarOption,
    source: SourceOption = PUBLIC_FILES,
    as_json: JsonOption = False,
) -> None:
    """Load the public medicine files: CIS_bdpm, CIS_CIP_bdpm, CIS_COMPO_bdpm and CIS_MITM, or the folder of them.

    They take the place of those that were loaded before; the same files again change nothing. UTF-8, Windows-1252 and
    Latin-1 are recognised. The target is the running installation, or the database of RECORDS_POSTGRES__DSN.

    Exit codes: 0 all lines taken, 1 refused (one line says why), 3 some lines were rejected, or nothing runs.

    Example: dmp import medicines bdpm/ --dated-on 2026-11-01
    """
    importer = MedicineImporter(_postgres(var))
    _load(Edition(source, dated_on.date()), as_json, lambda *parts: importer.import_files(files, *parts))


def interactions(
    pairs: FileArgument,
    members: FileArgument,
    dated_on: DayOption,
    source: SourceOption,
    var: VarOption,
    as_json: JsonOption = False,
) -> None:
    """Load a table of interactions (CSV; columns: docs/warnings.md) in the place of the former one.

    Exit codes: 0 all lines taken, 1 refused (one line says why), 3 some lines were rejected, or nothing runs.

    Example: dmp import interactions pairs.csv members.csv --source "ANSM, thesaurus" --dated-on 2026-09-01
    """
    importer = InteractionImporter(_postgres(var))
    _load(Edition(source, dated_on.date()), as_json, lambda *parts: importer.import_files(pairs, members, *parts))


def _postgres(var: Path) -> PostgresSettings:
    if not os.environ.get(RECORDS_OVERRIDE):
        read_installation(var)
    return records_postgres_of(var)


def _load(edition: Edition, as_json: bool, work: Callable[[Edition, Report], Awaitable[LoadOutcome]]) -> None:
    started = time.monotonic()

    async def watched() -> LoadOutcome:
        return await work(edition, _report)

    try:
        outcome = run(watched())
    except (CodedError, LocalError) as error:
        fail(1, str(error))
    except DATABASE_ERRORS as error:
        if not is_transient(error) or (isinstance(error, OSError) and error.filename):
            raise
        fail(1, "records' database does not answer: look with `dmp status`, then load the files again")
    _show(outcome, time.monotonic() - started, as_json)
    if outcome.rejected:
        raise typer.Exit(EXIT_REJECTED)


def _report(file: str, counts: FileCounts) -> None:
    typer.echo(f"{file}: {counts.taken:,} lines, {counts.rejected:,} rejected", err=True)


def _show(outcome: LoadOutcome, seconds: float, as_json: bool) -> None:
    if as_json:
        files = {name: {"taken": each.taken, "rejected": each.rejected} for name, each in outcome.counts.items()}
        show_json({"was_in_use": outcome.was_in_use, "files": files, "seconds": round(seconds, 1)})
        return
    rows = [(name, f"{each.taken:,}", f"{each.rejected:,}") for name, each in outcome.counts.items()]
    show_table(("file", "taken", "rejected"), rows, "these files are in use already")
