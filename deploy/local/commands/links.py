"""`dmp link`, `dmp unlink`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.bootstrap import ADMINISTRATOR
from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp
from deploy.local.commands.common import EXIT_NOT_YET, perform, show_json, show_table, someone

First = Annotated[UUID, typer.Argument(metavar="RECORD", help="Id of one record.", show_default=False)]
Second = Annotated[UUID, typer.Argument(metavar="OTHER", help="Id of the other one.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(link)
    app.command()(unlink)


def link(var: VarOption, record: First, other: Second, as_json: JsonOption = False) -> None:
    """Link two records of one person, and wait until it is in force.

    No document moves: the person sees both as one, each document is judged by its own record's state and both records'
    blocks. Make sure that both are of one person. Twice is once.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Example: dmp link 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f9c8d
    """
    _change(var, "link", record, other, as_json)


def unlink(var: VarOption, record: First, other: Second, as_json: JsonOption = False) -> None:
    """End the link of two records, and wait until it is in force: everything reads as before.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Example: dmp unlink 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f9c8d
    """
    _change(var, "unlink", record, other, as_json)


def _change(var: Path, what: str, record: UUID, other: UUID, as_json: bool) -> None:
    view = perform(var, lambda dmp, found: _ask(dmp, found, what, record, other))
    if as_json:
        show_json(view)
    else:
        told = "linked" if view["linked"] else "not linked"
        rows = [(one["record_id"], one["state"], f"version {one['version']}", one["status"]) for one in view["records"]]
        typer.echo(f"{told}, {view['status']}")
        show_table(("record", "state", "version", "status"), rows, "")
    if view["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


async def _ask(dmp: Dmp, found: Mapping[str, Any], what: str, record: UUID, other: UUID) -> dict[str, Any]:
    administrator = someone(dmp, found, ADMINISTRATOR)
    body, prefer = {"linked_to": str(other)}, {"prefer": "wait=10"}
    answer = await administrator.call("POST", "identity", f"/records/{record}/{what}", json=body, headers=prefer)
    view: dict[str, Any] = answer.json()
    return view
