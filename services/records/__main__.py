"""Runs the service records: `python -m services.records --help` lists its commands."""

import argparse
from dataclasses import asdict

from services.records import app
from services.records.business_acknowledgements.store import list_failed
from services.records.kit.keys import make_keys
from services.records.recovery.store import list_lost
from services.records.settings import Settings
from shared.db.pool import Pool
from shared.service.commands import EXIT_DONE, OWN_GROUP, PROCESS_GROUP, Command, Invocation
from shared.service.database_commands import on_pool
from shared.service.process import main
from shared.service.serving import serve_worker
from shared.service.terminal import show_json


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

if __name__ == "__main__":
    main(
        "records",
        Settings,
        api=app.make_api,
        worker=app.make_worker,
        plan=app.make_plan,
        keys=lambda settings: make_keys(settings.keys),
        commands=[MLLP, LOST_DEPOSITS, FAILED_ACKNOWLEDGEMENTS],
    )
