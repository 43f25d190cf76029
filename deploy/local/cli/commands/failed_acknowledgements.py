"""`dmp failed-acknowledgements`: business acknowledgements (HL7 v2) that no listener of a hospital took."""

from typing import Annotated

import typer

from deploy.local.cli.commands.common import moment, read_installation, show_json, show_table
from deploy.local.cli.commands.service_command import run_service
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.interruptible import run
from deploy.local.cli.names import load_names, named

_HEADINGS = ("client", "organisation", "message (MSH-10)", "reason", "attempts", "queued", "given up")


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command("failed-acknowledgements")(failed_acknowledgements)


def failed_acknowledgements(
    var: VarOption,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest.")] = 1000,
    as_json: JsonOption = False,
) -> None:
    """List business acknowledgements that were given up: tell the operator of the client's own listener.

    Exit codes: 0 listed, 3 nothing runs.

    Example: dmp failed-acknowledgements --limit 20
    """
    failed, _ = run_service(var, "records", "failed-acknowledgements", "--limit", str(limit))
    if as_json:
        show_json(failed)
        return
    names = run(load_names(read_installation(var), [each["organisation_id"] for each in failed]))
    rows = [
        (
            each["client_id"],
            named(each["organisation_id"], names),
            each["control_id"],
            each["reason"],
            each["attempts"],
            moment(each["created_at"]),
            moment(each["failed_at"]),
        )
        for each in failed
    ]
    show_table(_HEADINGS, rows, "every business acknowledgement was taken, or waits for its listener")
