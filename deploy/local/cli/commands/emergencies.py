"""`dmp emergencies`: the emergency accesses of a structure."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import moment, perform, session_for, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.bootstrap import OPERATOR
from deploy.local.demo.client import Dmp

_MODES = {"bris_de_glace": "break-glass", "centre_15": "regulation of emergencies"}


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(emergencies)


def emergencies(
    var: VarOption,
    structure: Annotated[str, typer.Option("--structure", metavar="ID", help="National id.", show_default=False)],
    week: Annotated[str, typer.Option("--week", metavar="2026-W47", help="A week of ISO 8601.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """List a structure's professionals who opened records in an emergency in one week, for its data protection officer.

    Shows the numbers of records and documents, and whether a motive was given. It names no patient.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp emergencies --structure 1750000001 --week 2026-W47
    """
    report = perform(var, lambda dmp, installation: _ask(dmp, installation, structure, week))
    if as_json:
        show_json(report)
        return
    headings = ("from", "until", "who", "how", "records", "documents", "motive")
    show_table(headings, [_row(emergency) for emergency in report["emergencies"]], "no emergency in this week")


async def _ask(dmp: Dmp, installation: Mapping[str, Any], structure: str, week: str) -> Any:
    operator = session_for(dmp, installation, OPERATOR)
    path = f"/structures/{structure}/emergencies"
    return (await operator.call("GET", "audit", path, params={"week": week})).json()


def _row(emergency: Mapping[str, Any]) -> tuple[object, ...]:
    who = emergency["professional"]
    return (
        moment(emergency["from"]),
        moment(emergency["until"]),
        who["name"] or who["id"],
        _MODES.get(emergency["mode"], emergency["mode"]),
        emergency["records"],
        emergency["documents"],
        "given" if emergency["motive_given"] else "none",
    )
