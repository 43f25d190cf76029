"""`dmp correct-telephones`: gives stored telephone numbers the country code of their part of France."""

import sys
from dataclasses import asdict

import typer

from deploy.local.cli.commands.common import EXIT_REFUSED, fail, read_installation, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.platform.errors import Interrupted
from deploy.local.platform.paths import Layout
from deploy.local.platform.secrets import Secrets
from deploy.local.platform.services import keyrings_of
from services.identity.corrections.usecases.correct_telephones import correct_telephones as correct
from services.identity.keys import make_keyrings
from services.identity.settings import ImportKeySettings
from shared.db.key_rewrap import Rewrapped
from shared.runtime.settings import PostgresSettings

_HEADINGS = ("column", "corrected", "without key", "broken")


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(correct_telephones)


def correct_telephones(var: VarOption, as_json: JsonOption = False) -> None:
    """Correct stored numbers, such as overseas ones under +33, while identity runs; changed contacts are announced.

    If interrupted, run the command again.

    Exit codes: 0 done, 1 some rows could not be opened and stay unchanged, 3 nothing runs.

    Example: dmp correct-telephones
    """
    dsn = read_installation(var)["services"]["identity"]["app_dsn"]
    rings = keyrings_of(Secrets.load(Layout(var).secrets), "identity")
    keyrings = make_keyrings(ImportKeySettings.model_validate(rings))
    try:
        columns = run(correct(PostgresSettings.model_validate({"dsn": dsn}), keyrings, _report))
    except Interrupted as interruption:
        raise Interrupted("the rows before are corrected; run the command again for the others") from interruption
    if as_json:
        show_json([asdict(column) for column in columns])
    else:
        rows = [(column.column, column.done, column.without_key, column.broken) for column in columns]
        show_table(_HEADINGS, rows, "no column has telephone numbers")
    left = sum(column.without_key + column.broken for column in columns)
    if left:
        fail(EXIT_REFUSED, f"{left} rows could not be opened and stay unchanged")


def _report(column: Rewrapped) -> None:
    print(f"{column.column}: {column.done:,} rows corrected", file=sys.stderr, flush=True)
