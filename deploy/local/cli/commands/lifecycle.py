"""`dmp record`, `close`, `reopen`, `death` and `object-to-opening`: the life of a record after its opening."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    AsPatientOption,
    patient_session,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.commands.people import OidOption, Sex, ins_of, traits_of
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import ADMINISTRATOR
from shared.terminology.oids import INS_NIR_TEST

_WAIT = {"prefer": "wait=10"}
RecordArgument = Annotated[UUID, typer.Argument(metavar="RECORD", help="Id of the record, from `dmp open`.")]
PasswordOption = Annotated[
    str | None,
    typer.Option(
        "--password", envvar="DMP_PASSWORD", show_envvar=True, help="Of the caller's account, where there is one."
    ),
]


class Channel(StrEnum):
    """The way by which a person stated an objection."""

    PHONE_AGENT = "phone-agent"
    LETTER = "letter"
    ONLINE = "online"


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    for command in (record, close, reopen, death):
        app.command()(command)
    app.command("object-to-opening")(object_to_opening)


def record(record: RecordArgument, var: VarOption, who: AsPatientOption = None, as_json: JsonOption = False) -> None:
    """Show whether a record is open or closed, and whether the last change is in force everywhere.

    Exit codes: 0 in force, 1 refused or no such record, 3 nothing runs, 4 still on its way.

    Example: dmp record UUID
    """
    _show(_call(var, record, who, "GET", ""), as_json)


def close(
    record: RecordArgument,
    var: VarOption,
    password: PasswordOption = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close a record, as its patient: from then on only the patient reads, and nobody deposits. It can be reopened.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp close UUID
    """
    _show(_call(var, record, who, "POST", "/close", {"password": password}), as_json)


def reopen(record: RecordArgument, var: VarOption, who: AsPatientOption = None, as_json: JsonOption = False) -> None:
    """Reopen a closed record, as its patient; after a death recorded in error, as administrator.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Examples:

    dmp reopen UUID

    dmp reopen UUID --as administrator
    """
    _show(_call(var, record, who, "POST", "/reopen"), as_json)


def death(record: RecordArgument, var: VarOption, as_json: JsonOption = False) -> None:
    """Record the death of a record's patient, as administrator. The record closes.

    `dmp reopen UUID --as administrator` reverts a death that was recorded in error.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp death UUID
    """
    _show(_call(var, record, ADMINISTRATOR, "POST", "/death"), as_json)


def object_to_opening(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    ins: Annotated[str, typer.Option("--ins", help="National health number, 15 characters.")],
    birth_name: Annotated[str, typer.Option("--birth-name", help="Birth name.")],
    given_name: Annotated[str, typer.Option("--given-name", help="The first of the birth names.")],
    birth_date: Annotated[datetime, typer.Option("--birth-date", formats=["%Y-%m-%d"], help="Birth date.")],
    sex: Annotated[Sex, typer.Option("--sex", help="As in the INS.")],
    oid: OidOption = INS_NIR_TEST,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Withdraw the objection.")] = False,
    channel: Annotated[Channel, typer.Option("--channel", help="How the person said so.")] = Channel.PHONE_AGENT,
    as_json: JsonOption = False,
) -> None:
    """Note that an insured person wants no record, as administrator: no campaign opens one. An open record closes.

    Exit codes: 0 noted, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp object-to-opening --ins 255069999999934 --birth-name PAT-TROIS --given-name DOMINIQUE --birth-date
    1955-06-12 --sex female
    """
    traits = traits_of(birth_name, given_name, birth_date.date(), sex)
    body = {"ins": ins_of(ins, oid), "traits": traits, "channel": channel.value}
    method, path = ("POST", "/opening-objections/withdraw") if withdraw else ("PUT", "/opening-objections")

    async def object_(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        administrator = session_for(dmp, installation, ADMINISTRATOR)
        answer: dict[str, Any] = (await administrator.call(method, "identity", path, json=body)).json()
        return answer

    answer = perform(var, object_)
    if as_json:
        show_json(answer)
    else:
        show_table(("state", "record"), [(answer["state"], answer["record_id"])], "")


def _call(
    var: Path, record: UUID, who: str | None, method: str, action: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    async def call(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        sent = {} if body is None else {"json": body}
        path = f"/records/{record}{action}"
        answer: dict[str, Any] = (await session.call(method, "identity", path, headers=_WAIT, **sent)).json()
        return answer

    return perform(var, call, f"the change may have been taken; look with `dmp record {record}`")


def _show(view: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(view)
    else:
        row = (view["record_id"], view["state"], view["version"], view["status"])
        show_table(("record", "state", "version", "status"), [row], "")
    if view["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)
