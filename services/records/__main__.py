"""Runs the service records: `python -m services.records --help` lists its commands."""

import argparse
import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

from services.records import app
from services.records.business_acknowledgements.store import list_failed
from services.records.kit.keys import make_keys
from services.records.medicine_commands import COMMANDS as MEDICINE_COMMANDS
from services.records.recovery.store import list_lost
from services.records.settings import Settings
from shared.db.pool import Pool
from shared.errors import ClientError
from shared.service.commands import EXIT_DONE, EXIT_LEFT, OWN_GROUP, PROCESS_GROUP, Command, Invocation
from shared.service.database_commands import on_pool
from shared.service.process import main
from shared.service.serving import freeze_gc, serve_worker
from shared.service.terminal import complain, print_text, show_json

EXIT_REJECTED: Final = 3
"""Everything was taken but some lines, which could not be read."""
POLITENESS: Final = 10
"""Added to the nice value of an import and of the process that reads documents, which give way to live requests."""


def _limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="at most N, the latest")


async def _list_lost(invocation: Invocation, pool: Pool) -> int:
    async with pool.acquire() as connection:
        show_json([asdict(deposit) for deposit in await list_lost(connection, invocation.arguments.limit)])
    return EXIT_DONE


LOST_DEPOSITS = Command(
    "lost-deposits",
    OWN_GROUP,
    "List deposits lost in a failure of the database, the latest first.",
    on_pool(_list_lost),
    _limit,
)


async def _list_failed(invocation: Invocation, pool: Pool) -> int:
    async with pool.acquire() as connection:
        show_json([asdict(failed) for failed in await list_failed(connection, invocation.arguments.limit)])
    return EXIT_DONE


FAILED_ACKNOWLEDGEMENTS = Command(
    "failed-acknowledgements",
    OWN_GROUP,
    "List business acknowledgements (HL7 v2) that no listener took, the latest first.",
    on_pool(_list_failed),
    _limit,
)


def _serve_mllp(invocation: Invocation) -> int:
    settings = invocation.settings
    assert isinstance(settings, Settings)
    serve_worker(app.make_mllp(settings), settings)
    return EXIT_DONE


MLLP = Command("mllp", PROCESS_GROUP, "Take HL7 v2 messages over MLLP, until it is ended.", _serve_mllp)


def _serve_extract(invocation: Invocation) -> int:
    settings = invocation.settings
    assert isinstance(settings, Settings)
    os.nice(POLITENESS)
    serve_worker(app.make_extract(settings), settings)
    return EXIT_DONE


EXTRACT = Command(
    "extract",
    PROCESS_GROUP,
    "Read the facts of published documents and prepare copies of records, until it is ended.",
    _serve_extract,
)


def _files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="beside its frame FILE.frame.json")


def _import_reimbursements(invocation: Invocation) -> int:
    """Imports the files in their order and prints a line of JSON for each. Returns 1 where one could not be taken, 3
    where some lines were rejected."""
    assert isinstance(invocation.settings, Settings)
    importer = app.make_importer(invocation.settings)
    os.nice(POLITENESS)
    freeze_gc()
    codes = {EXIT_DONE}
    for path in invocation.arguments.files:
        try:
            outcome = asyncio.run(importer.import_file(path, lambda _: None))
        except (ClientError, FileNotFoundError, IsADirectoryError, PermissionError) as error:
            code = error.code if isinstance(error, ClientError) else "file-unreadable"
            complain(invocation.service.name, f"{path.name}: {code}: {error}")
            codes.add(EXIT_LEFT)
            continue
        counts = {"file": path.name, "finished_before": outcome.was_finished, **outcome.counts}
        print_text(json.dumps(counts))
        codes.add(EXIT_REJECTED if outcome.rejected else EXIT_DONE)
    return EXIT_LEFT if EXIT_LEFT in codes else max(codes)


IMPORT_REIMBURSEMENTS = Command(
    "import-reimbursements",
    OWN_GROUP,
    "Import files of reimbursements; a file that was begun goes on. Exits with 3 where lines were rejected.",
    _import_reimbursements,
    _files,
)

if __name__ == "__main__":
    main(
        "records",
        Settings,
        api=app.make_api,
        worker=app.make_worker,
        plan=app.make_plan,
        keys=lambda settings: make_keys(settings.keys),
        commands=[
            MLLP,
            EXTRACT,
            LOST_DEPOSITS,
            FAILED_ACKNOWLEDGEMENTS,
            IMPORT_REIMBURSEMENTS,
            *MEDICINE_COMMANDS,
        ],
    )
