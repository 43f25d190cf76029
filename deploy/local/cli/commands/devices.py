"""`dmp devices`: the devices on which a patient has signed in."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_USAGE,
    RecordOption,
    fail,
    moment,
    perform,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    group = typer.Typer(help="A patient's devices: list, sign out.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("sign-out")(sign_out)
    app.add_typer(group, name="devices")


def list_(record: RecordOption, var: VarOption, as_json: JsonOption = False) -> None:
    """List the devices on which a record's patient signed in with a password, the last seen first.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp devices list --record UUID
    """

    async def look(dmp: Dmp, _: Mapping[str, Any]) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await dmp.patient(record).call("GET", "identity", "/devices")).json()
        return listed

    listed = perform(var, look)
    if as_json:
        show_json(listed)
        return
    rows = [
        (
            view["device_id"],
            view["name"],
            moment(view["first_seen_at"]),
            moment(view["last_seen_at"]),
            "yes" if view["signed_in"] else "no",
        )
        for view in listed
    ]
    show_table(("device", "name", "first seen", "last seen", "signed in"), rows, "no device: nobody signed in")


def sign_out(
    record: RecordOption,
    var: VarOption,
    device: Annotated[UUID | None, typer.Argument(metavar="DEVICE", help="From `dmp devices list`.")] = None,
    everywhere: Annotated[bool, typer.Option("--all", help="Sign out of all devices.")] = False,
) -> None:
    """Sign a record's patient out of one device, or of all.

    Exit codes: 0 signed out, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp devices sign-out --record UUID --all
    """
    if (device is None) != everywhere:
        fail(EXIT_USAGE, "give either DEVICE or --all")
    path = "/devices" if device is None else f"/devices/{device}"

    async def delete(dmp: Dmp, _: Mapping[str, Any]) -> None:
        await dmp.patient(record).call("DELETE", "identity", path)

    perform(var, delete)
    print("signed out of all devices" if device is None else f"signed out of {device}")
