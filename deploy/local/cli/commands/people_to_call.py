"""`dmp people-to-call`: whom to call for a patient, among them the trusted person (personne de confiance)."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import (
    EXIT_USAGE,
    AsPatientOption,
    RecordOption,
    check_value,
    fail,
    patient_session,
    perform,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp

ROLES = ("emergency", "trusted", "help")
_PARTS = ("role", "name", "phone", "relation")


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    group = typer.Typer(
        help="The people to call: in an emergency, the trusted person (personne de confiance), help at home.",
        no_args_is_help=True,
    )
    group.command("show")(show)
    group.command("set")(set_)
    app.add_typer(group, name="people-to-call")


def show(record: RecordOption, var: VarOption, who: AsPatientOption = None, as_json: JsonOption = False) -> None:
    """Show the people to call for a record's patient.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp people-to-call show --record UUID
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        view: dict[str, Any] = (await session.call("GET", "identity", f"/records/{record}/people-to-call")).json()
        return view

    _show(perform(var, look), as_json)


def set_(
    record: RecordOption,
    var: VarOption,
    people: Annotated[
        list[str] | None,
        typer.Option("--person", metavar="ROLE:NAME:PHONE:RELATION", help=f"Repeat it; ROLE is {', '.join(ROLES)}."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Empty the list.")] = False,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Replace the people to call, as a record's patient: ten at most, one trusted person at most.

    Exit codes: 0 replaced, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp people-to-call set --record UUID --person "trusted:Zélie Valtonne:0639980001:sister"
    """
    if bool(people) == clear:
        fail(EXIT_USAGE, "give --person, once for each, or --clear")
    body = {"people": [_person(text) for text in people or ()]}

    async def put(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        path = f"/records/{record}/people-to-call"
        view: dict[str, Any] = (await session.call("PUT", "identity", path, json=body)).json()
        return view

    _show(perform(var, put), as_json)


def _person(text: str) -> dict[str, str]:
    parts = [part.strip() for part in text.split(":")]
    if len(parts) != len(_PARTS) or not all(parts):
        fail(
            EXIT_USAGE, f"--person {text}: write ROLE:NAME:PHONE:RELATION, such as trusted:Zélie Valtonne:06...:sister"
        )
    person = dict(zip(_PARTS, parts, strict=True))
    check_value("--person", person["role"], ROLES)
    return person


def _show(view: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(view)
        return
    rows = [tuple(person[part] for part in _PARTS) for person in view["people"]]
    show_table(_PARTS, rows, "no one is to be called")
