"""`dmp lost-deposits`: accepted deposits whose content a failure of the database has lost."""

from collections.abc import Mapping
from typing import Any

import typer

from deploy.local.cli.commands.common import moment, perform, session_for, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.names import load_names, named
from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import OPERATOR


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command("lost-deposits")(lost_deposits)


def lost_deposits(var: VarOption, as_json: JsonOption = False) -> None:
    """List accepted deposits whose content a failure of records' database has lost: their senders must repeat them.

    Exit codes: 0 listed, 1 records does not answer, 3 nothing runs.

    Example: dmp lost-deposits --json
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, str]]:
        operator = session_for(dmp, installation, OPERATOR)
        lost: list[dict[str, Any]] = (await operator.call("GET", "records", "/lost-deposits")).json()
        return lost, await load_names(installation, [lost_deposit["organisation_id"] for lost_deposit in lost])

    lost, names = perform(var, look)
    if as_json:
        show_json(lost)
    else:
        rows = [
            (
                lost_deposit["deposit_id"],
                named(lost_deposit["organisation_id"], names),
                moment(lost_deposit["received_at"]),
                lost_deposit["documents"],
            )
            for lost_deposit in lost
        ]
        show_table(("deposit", "organisation", "received", "documents"), rows, "no deposit is lost")
