"""`dmp correct-telephones`: gives stored telephone numbers the country code of their part of France."""

import typer

from deploy.local.cli.commands.common import EXIT_REFUSED, fail, show_json, show_table
from deploy.local.cli.commands.service_command import run_service
from deploy.local.cli.installation import JsonOption, VarOption

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
    columns, exit_code = run_service(var, "identity", "correct-telephones")
    if as_json:
        show_json(columns)
    else:
        rows = [tuple(column[name] for name in ("column", "done", "without_key", "broken")) for column in columns]
        show_table(_HEADINGS, rows, "no column has telephone numbers")
    if exit_code:
        fail(EXIT_REFUSED, "some rows could not be opened and stay unchanged")
