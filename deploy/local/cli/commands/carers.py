"""`dmp carers`: the carers (aidants) of a patient, and their invitations."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_USAGE,
    AsPatientOption,
    Language,
    LanguageOption,
    RecordOption,
    fail,
    moment,
    patient_session,
    perform,
    show_json,
    show_table,
)
from deploy.local.cli.commands.people import OidOption, ins_of
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from shared.terminology.oids import INS_NIR_TEST

OwnRecordOption = Annotated[
    UUID, typer.Option("--record", metavar="UUID", help="Id of the record of the invited person.")
]


class Answer(StrEnum):
    """The answer to an invitation."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    group = typer.Typer(help="Carers (aidants): relatives whom a patient lets into the record.", no_args_is_help=True)
    group.command("invite")(invite)
    group.command("list")(list_)
    group.command("end")(end)
    group.command("invitations")(invitations)
    group.command("answer")(answer)
    app.add_typer(group, name="carers")


def invite(  # noqa: PLR0913  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    mail: Annotated[str | None, typer.Option("--mail", help="Where the code is sent.")] = None,
    ins: Annotated[str | None, typer.Option("--ins", help="INS of the invited person.")] = None,
    oid: OidOption = INS_NIR_TEST,
    birth_name: Annotated[str | None, typer.Option("--birth-name", help="With --ins.")] = None,
    given_name: Annotated[str | None, typer.Option("--given-name", help="With --ins.")] = None,
    birth_date: Annotated[
        datetime | None, typer.Option("--birth-date", formats=["%Y-%m-%d"], help="With --ins.")
    ] = None,
    language: LanguageOption = Language.FR,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Invite a carer, as a record's patient: by a mail address, by INS and names, or by both. A code is sent.

    Exit codes: 0 invited, 1 refused, 2 usage, 3 nothing runs.

    Examples:

    dmp carers invite --record UUID --mail someone@patient.example

    dmp carers invite --record UUID --ins 255069999999934 --birth-name PAT-TROIS --given-name DOMINIQUE
    --birth-date 1955-06-12
    """
    body: dict[str, Any] = {"mail": mail, "language": language.value}
    if ins is not None:
        if birth_name is None or given_name is None or birth_date is None:
            fail(EXIT_USAGE, "with --ins, give --birth-name --given-name --birth-date: only that person can answer")
        named = {"birth_name": birth_name, "given_name": given_name, "birth_date": birth_date.date().isoformat()}
        body["person"] = {"ins": ins_of(ins, oid), **named}
    elif mail is None:
        fail(EXIT_USAGE, "give --mail, or --ins with --birth-name --given-name --birth-date, or both")

    async def post(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        path = f"/records/{record}/invitations"
        view: dict[str, Any] = (await session.call("POST", "identity", path, json=body)).json()
        return view

    view = perform(var, post)
    if as_json:
        show_json(view)
    else:
        rows = [(view["care_id"], view["state"], moment(view["expires_at"]))]
        show_table(("care", "state", "expires"), rows, "")


def list_(record: RecordOption, var: VarOption, who: AsPatientOption = None, as_json: JsonOption = False) -> None:
    """List the carers of a record's patient, and the invitations.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp carers list --record UUID
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> list[dict[str, Any]]:
        session = patient_session(dmp, installation, record, who)
        listed: list[dict[str, Any]] = (await session.call("GET", "identity", f"/records/{record}/carers")).json()
        return listed

    listed = perform(var, look)
    if as_json:
        show_json(listed)
        return
    rows = [(view["care_id"], view["state"], view["name"], view["mail"], moment(view["invited_at"])) for view in listed]
    show_table(("care", "state", "name", "mail", "invited"), rows, "no carer, no invitation")


def end(
    care: Annotated[UUID, typer.Argument(metavar="CARE", help="Id, from `dmp carers list`.")],
    record: RecordOption,
    var: VarOption,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """End what a carer may do, or withdraw an invitation; as the record's patient, or as the carer.

    Exit codes: 0 ended, 1 refused or no such carer, 3 nothing runs.

    Example: dmp carers end UUID --record UUID
    """

    async def delete(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        view: dict[str, Any] = (await session.call("DELETE", "identity", f"/records/{record}/carers/{care}")).json()
        return view

    _show_one(perform(var, delete), as_json)


def invitations(record: OwnRecordOption, var: VarOption, as_json: JsonOption = False) -> None:
    """List the invitations that name a patient, who can answer them without the code.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp carers invitations --record UUID
    """

    async def look(dmp: Dmp, _: Mapping[str, Any]) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await dmp.patient(record).call("GET", "identity", "/invitations")).json()
        return listed

    listed = perform(var, look)
    if as_json:
        show_json(listed)
        return
    rows = [(view["care_id"], view["name"], moment(view["expires_at"])) for view in listed]
    show_table(("care", "from", "expires"), rows, "no invitation names this person; answer others with their code")


def answer(
    answer: Annotated[Answer, typer.Argument(help="The answer.")],
    record: OwnRecordOption,
    var: VarOption,
    care: Annotated[UUID | None, typer.Option("--care", metavar="CARE", help="From `dmp carers invitations`.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="Or the code of the mail, from `dmp mails`.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Accept or refuse an invitation, as the invited person, who has a record of their own.

    Exit codes: 0 answered, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp carers answer accepted --record UUID --care UUID
    """
    if (care is None) == (code is None):
        fail(EXIT_USAGE, "give either --care or --code")
    body = {"answer": answer.value, "code": code, "care_id": None if care is None else str(care)}

    async def post(dmp: Dmp, _: Mapping[str, Any]) -> dict[str, Any]:
        answered = await dmp.patient(record).call("POST", "identity", "/invitations/answer", json=body)
        view: dict[str, Any] = answered.json()
        return view

    _show_one(perform(var, post), as_json)


def _show_one(view: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(view)
    else:
        rows = [(view["record_id"], view["care_id"], view["state"])]
        show_table(("record", "care", "state"), rows, "")
