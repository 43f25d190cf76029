"""Commands for operators about the tables of medicines: load public files and interactions, list what is loaded."""

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Final

from services.records.medicines.domain.table_loads import Edition, FileCounts, LoadOutcome
from services.records.medicines.steps.load_table import Report
from services.records.medicines.store.tables import list_rejected, list_tables
from services.records.medicines.usecases.import_interactions import InteractionImporter
from services.records.medicines.usecases.import_medicines import MedicineImporter
from services.records.settings import Settings
from shared.db.pool import Pool
from shared.errors import ClientError
from shared.service.commands import EXIT_DONE, EXIT_LEFT, OWN_GROUP, Command, Invocation
from shared.service.database_commands import on_pool
from shared.service.terminal import complain, show_json, show_progress

EXIT_REJECTED: Final = 3
POLITENESS: Final = 10
PUBLIC_FILES: Final = "base de données publique des médicaments"


def _medicine_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="the four files, or their folder")
    _edition(parser, PUBLIC_FILES)


def _interaction_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("pairs", type=Path, metavar="PAIRS", help="CSV of pairs (docs/warnings.md)")
    parser.add_argument("members", type=Path, metavar="MEMBERS", help="CSV of the members of groups")
    _edition(parser, None)


def _edition(parser: argparse.ArgumentParser, source: str | None) -> None:
    parser.add_argument("--dated-on", type=date.fromisoformat, required=True, metavar="DAY", help="of the edition")
    parser.add_argument(
        "--source", default=source, required=source is None, metavar="NAME", help="what warnings name as their source"
    )


def _import_medicines(invocation: Invocation) -> int:
    importer = MedicineImporter(invocation.settings.postgres)
    return _load(invocation, lambda edition, report: importer.import_files(invocation.arguments.files, edition, report))


def _import_interactions(invocation: Invocation) -> int:
    importer, arguments = InteractionImporter(invocation.settings.postgres), invocation.arguments
    return _load(
        invocation,
        lambda edition, report: importer.import_files(arguments.pairs, arguments.members, edition, report),
    )


def _load(invocation: Invocation, work: Callable[[Edition, Report], Awaitable[LoadOutcome]]) -> int:
    """Loads a table and shows its progress. Returns 1 where it was refused, 3 where lines were rejected."""
    assert isinstance(invocation.settings, Settings)
    os.nice(POLITENESS)
    edition = Edition(invocation.arguments.source, invocation.arguments.dated_on)

    async def run() -> LoadOutcome:
        return await work(edition, _show_progress)

    try:
        outcome = asyncio.run(run())
    except (ClientError, FileNotFoundError, IsADirectoryError, PermissionError) as error:
        code = error.code if isinstance(error, ClientError) else "file-unreadable"
        complain(invocation.service.name, f"{code}: {error}")
        return EXIT_LEFT
    files = {name: {"taken": each.taken, "rejected": each.rejected} for name, each in outcome.counts.items()}
    show_json({"was_in_use": outcome.was_in_use, "files": files})
    return EXIT_REJECTED if outcome.rejected else EXIT_DONE


def _show_progress(file: str, counts: FileCounts) -> None:
    show_progress({"file": file, "taken": counts.taken, "rejected": counts.rejected})


async def _list(invocation: Invocation, pool: Pool) -> int:
    async with pool.acquire() as connection:
        tables = await list_tables(connection, 20)
        for table in tables:
            rejected = await list_rejected(connection, table["id"], invocation.arguments.rejected)
            table["rejected"] = [{"file": file, "line": line, "reason": reason} for file, line, reason in rejected]
    show_json(tables)
    return EXIT_DONE


def _rejected(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rejected", type=int, default=20, metavar="N", help="name at most N rejected lines of each")


COMMANDS: Final = (
    Command(
        "import-medicines",
        OWN_GROUP,
        "Load the public medicine files in the place of the former ones. Exits with 3 where lines were rejected.",
        _import_medicines,
        _medicine_files,
    ),
    Command(
        "import-interactions",
        OWN_GROUP,
        "Load a table of interactions in the place of the former one. Exits with 3 where lines were rejected.",
        _import_interactions,
        _interaction_files,
    ),
    Command(
        "medicine-tables",
        OWN_GROUP,
        "List the tables of medicines and interactions that were loaded, the latest first.",
        on_pool(_list),
        _rejected,
    ),
)
