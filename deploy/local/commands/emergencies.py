"""`dmp emergencies`."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.local.bootstrap import OPERATOR
from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp
from deploy.local.commands.common import moment, perform, show_json, show_table, someone

_MODES = {"bris_de_glace": "break-glass", "centre_15": "regulation of emergencies"}


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(emergencies)


def emergencies(
    var: VarOption,
    structure: Annotated[str, typer.Option("--structure", metavar="ID", help="National id.", show_default=False)],
    week: Annotated[str, typer.Option("--week", metavar="2026-W47", help="A week of ISO 8601.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """List who of a structure opened records in an emergency in one week, for its data protection officer.

    With how many records and documents, and whether a motive was given. No patient is named.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp emergencies --structure 1750000001 --week 2026-W47
    """
    found = perform(var, lambda dmp, known: _ask(dmp, known, structure, week))
    if as_json:
        show_json(found)
        return
    headings = ("from", "until", "who", "how", "records", "documents", "motive")
    show_table(headings, [_row(one) for one in found["emergencies"]], "no emergency in this week")


async def _ask(dmp: Dmp, found: Mapping[str, Any], structure: str, week: str) -> Any:
    operator = someone(dmp, found, OPERATOR)
    path = f"/structures/{structure}/emergencies"
    return (await operator.call("GET", "audit", path, params={"week": week})).json()


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    who = one["professional"]
    return (
        moment(one["from"]),
        moment(one["until"]),
        who["name"] or who["id"],
        _MODES.get(one["mode"], one["mode"]),
        one["records"],
        one["documents"],
        "given" if one["motive_given"] else "none",
    )
