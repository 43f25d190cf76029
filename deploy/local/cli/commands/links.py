"""`dmp link` and `dmp unlink`: links of two records of one person."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import EXIT_NOT_YET, perform, session_for, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import ADMINISTRATOR

RecordArgument = Annotated[UUID, typer.Argument(metavar="RECORD", help="Id of one record.", show_default=False)]
OtherRecordArgument = Annotated[UUID, typer.Argument(metavar="OTHER", help="Id of the other one.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(link)
    app.command()(unlink)


def link(var: VarOption, record: RecordArgument, other: OtherRecordArgument, as_json: JsonOption = False) -> None:
    """Link two records of one person, and wait until it is in force.

    No document moves: the person sees both records as one. Access to a document depends on its own record's state and
    on both records' blocks. Make sure that both belong to one person. Linking again changes nothing.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Example: dmp link 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f9c8d
    """
    _change(var, "link", record, other, as_json)


def unlink(var: VarOption, record: RecordArgument, other: OtherRecordArgument, as_json: JsonOption = False) -> None:
    """End the link of two records, and wait until that is in force: access is then as before the link.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Example: dmp unlink 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b 0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f9c8d
    """
    _change(var, "unlink", record, other, as_json)


def _change(var: Path, action: str, record: UUID, other: UUID, as_json: bool) -> None:
    view = perform(var, lambda dmp, installation: _ask(dmp, installation, action, record, other))
    if as_json:
        show_json(view)
    else:
        state = "linked" if view["linked"] else "not linked"
        rows = [
            (
                linked_record["record_id"],
                linked_record["state"],
                f"version {linked_record['version']}",
                linked_record["status"],
            )
            for linked_record in view["records"]
        ]
        typer.echo(f"{state}, {view['status']}")
        show_table(("record", "state", "version", "status"), rows, "")
    if view["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


async def _ask(dmp: Dmp, installation: Mapping[str, Any], action: str, record: UUID, other: UUID) -> dict[str, Any]:
    administrator = session_for(dmp, installation, ADMINISTRATOR)
    body, prefer = {"linked_to": str(other)}, {"prefer": "wait=10"}
    answer = await administrator.call("POST", "identity", f"/records/{record}/{action}", json=body, headers=prefer)
    view: dict[str, Any] = answer.json()
    return view
