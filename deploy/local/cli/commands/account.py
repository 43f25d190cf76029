"""`dmp account`: a patient's account, from its activation to a change of its mail address."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from deploy.local.cli.codes import caught_code, now, password_of
from deploy.local.cli.commands.common import EXIT_USAGE, RecordOption, fail, perform, show_json, show_table
from deploy.local.cli.commands.people import OidOption, ins_of
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, Session, send
from shared.terminology.oids import INS_NIR_TEST

IdentifierOption = Annotated[str, typer.Option("--identifier", help="The name with which the person signs in.")]
PasswordOption = Annotated[
    str | None, typer.Option("--password", envvar="DMP_PASSWORD", show_envvar=True, help="Asked for in a terminal.")
]
NewPasswordOption = Annotated[
    str | None, typer.Option("--new-password", envvar="DMP_NEW_PASSWORD", help="Asked for in a terminal.")
]
InsOption = Annotated[str, typer.Option("--ins", help="INS of the person, 15 characters.")]
ToOption = Annotated[
    str | None, typer.Option("--to", metavar="ADDRESS", help="Where the code comes; default: the identifier.")
]


class SecondFactor(StrEnum):
    """The way by which codes reach the person."""

    MAIL = "mail"
    SMS = "sms"


FactorOption = Annotated[SecondFactor, typer.Option("--second-factor", help="How codes come.")]


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    group = typer.Typer(help="A patient's account: password, codes, mail address.", no_args_is_help=True)
    group.command()(activate)
    group.command("sign-in")(sign_in)
    group.command("password")(change_password)
    group.command("reset-password")(reset_password)
    group.command("second-factor")(second_factor)
    group.command()(authenticator)
    group.command()(contact)
    group.command("object-to-contact")(object_to_contact)
    app.add_typer(group, name="account")


def activate(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    ins: InsOption,
    code: Annotated[str, typer.Option("--code", help="The activation code, from `dmp mails` or a letter.")],
    identifier: IdentifierOption,
    password: PasswordOption = None,
    factor: FactorOption = SecondFactor.MAIL,
    oid: OidOption = INS_NIR_TEST,
    as_json: JsonOption = False,
) -> None:
    """Activate the account of a person whose record was opened by others, with the code received.

    Exit codes: 0 activated, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp account activate --ins 255069999999934 --code 7K3M-9QXT-2WPD --identifier alix
    """
    body = {"ins": ins_of(ins, oid), "code": code, "identifier": identifier, "second_factor": factor.value}
    body["password"] = password_of(password)

    async def post(dmp: Dmp, _: Mapping[str, Any]) -> dict[str, Any]:
        return await _post(dmp, "/activations", {**body, "terms_version": await terms_version(dmp)})

    activated = perform(var, post, "the account may be active: try it with `dmp account sign-in`")
    if as_json:
        show_json(activated)
    else:
        show_table(("record", "account"), [(activated["record_id"], "active")], "")


def sign_in(
    var: VarOption,
    identifier: IdentifierOption,
    password: PasswordOption = None,
    to: ToOption = None,
    code: Annotated[str | None, typer.Option("--code", help="Of the authenticator application.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign in with password and code, as the person does it. With --json it prints the tokens.

    A code that comes by mail or SMS is taken from what this machine caught.

    Exit codes: 0 signed in, 1 refused, 2 usage or no code, 3 nothing runs.

    Example: dmp account sign-in --identifier alix --to a@patient.example
    """
    credentials = {"identifier": identifier, "password": password_of(password)}

    async def enter(dmp: Dmp, _: Mapping[str, Any]) -> dict[str, Any]:
        began = now()
        challenge = await _post(dmp, "/sign-in", credentials)
        if challenge["second_factor"] == "totp" and code is None:
            fail(EXIT_USAGE, "give the code of the authenticator application with --code")
        typed_code = code or await caught_code(var, to or identifier, began)
        return await _post(dmp, f"/sign-in/{challenge['challenge_id']}/code", {"code": typed_code})

    session = perform(var, enter)
    if as_json:
        show_json(session)
    else:
        print(f"signed in for {session['expires_in']} s; `dmp devices list` shows the device")


def change_password(
    record: RecordOption, var: VarOption, password: PasswordOption = None, new_password: NewPasswordOption = None
) -> None:
    """Change the password of an account, as its person; other sessions end.

    Exit codes: 0 changed, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp account password --record UUID
    """
    body = {"password": password_of(password), "new_password": password_of(new_password, "DMP_NEW_PASSWORD")}
    _put(var, record, "/account/password", body)
    print("the password is changed")


def reset_password(
    var: VarOption, identifier: IdentifierOption, new_password: NewPasswordOption = None, to: ToOption = None
) -> None:
    """Set a new password for a person who forgot it, with a code that is taken from what this machine caught.

    Exit codes: 0 set, 1 refused, 2 usage or no code, 3 nothing runs.

    Example: dmp account reset-password --identifier alix --to a@patient.example
    """
    password = password_of(new_password, "DMP_NEW_PASSWORD")

    async def reset(dmp: Dmp, _: Mapping[str, Any]) -> None:
        began = now()
        challenge = await _post(dmp, "/password-resets", {"identifier": identifier})
        body = {"code": await caught_code(var, to or identifier, began), "password": password}
        await _post(dmp, f"/password-resets/{challenge['challenge_id']}/password", body)

    perform(var, reset)
    print("the password is set")


def second_factor(
    factor: Annotated[SecondFactor, typer.Argument(help="How codes come.")],
    record: RecordOption,
    var: VarOption,
    password: PasswordOption = None,
) -> None:
    """Choose whether codes come by mail or SMS; an authenticator application is forgotten.

    Exit codes: 0 changed, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp account second-factor sms --record UUID
    """
    _put(var, record, "/account/second-factor", {"second_factor": factor.value, "password": password_of(password)})
    print(f"codes come by {factor.value}")


def authenticator(record: RecordOption, var: VarOption, password: PasswordOption = None) -> None:
    """Enrol an authenticator application (TOTP): prints its secret, and confirms it with a first code of its own.

    Exit codes: 0 enrolled, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp account authenticator --record UUID
    """
    body = {"password": password_of(password)}

    async def enrol(dmp: Dmp, _: Mapping[str, Any]) -> dict[str, Any]:
        from pyotp import TOTP

        patient = dmp.patient(record)
        enrolment: dict[str, Any] = (await patient.call("POST", "identity", "/account/totp", json=body)).json()
        code = {"code": TOTP(enrolment["secret"]).now()}
        await patient.call("POST", "identity", f"/account/totp/{enrolment['challenge_id']}/code", json=code)
        return enrolment

    print(f"enrolled: {perform(var, enrol)['uri']}")


def contact(
    record: RecordOption,
    var: VarOption,
    old: Annotated[str, typer.Option("--old", metavar="ADDRESS", help="The present address or number.")],
    mail: Annotated[str | None, typer.Option("--mail", help="The new mail address.")] = None,
    mobile: Annotated[str | None, typer.Option("--mobile", help="The new mobile number.")] = None,
) -> None:
    """Change a person's mail address or mobile number, with the codes that come to the old and to the new one.

    Exit codes: 0 changed, 1 refused, 2 usage or no code, 3 nothing runs.

    Example: dmp account contact --record UUID --old a@patient.example --mail b@patient.example
    """
    new = mail or mobile
    if new is None or (mail and mobile):
        fail(EXIT_USAGE, "give either --mail or --mobile")

    async def change(dmp: Dmp, _: Mapping[str, Any]) -> None:
        began, patient = now(), dmp.patient(record)
        challenge = await _call(patient, "/account/contact-changes", {"mail": mail, "mobile": mobile})
        codes = {"old_code": await caught_code(var, old, began), "new_code": await caught_code(var, new, began)}
        await _call(patient, f"/account/contact-changes/{challenge['challenge_id']}/codes", codes)

    perform(var, change)
    print(f"messages go to {new}")


def object_to_contact(
    var: VarOption,
    ins: InsOption,
    code: Annotated[str, typer.Option("--code", help="The code of the message about the new contact.")],
    oid: OidOption = INS_NIR_TEST,
) -> None:
    """Object to a mail address or number that a helper stated for a person; the one on file stays.

    Exit codes: 0 objected, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp account object-to-contact --ins 255069999999934 --code 7K3M-9QXT-2WPD
    """

    async def post(dmp: Dmp, _: Mapping[str, Any]) -> None:
        await _post(dmp, "/contact-objections", {"ins": ins_of(ins, oid), "code": code})

    perform(var, post)
    print("the contact on file stays")


async def terms_version(dmp: Dmp) -> str:
    """Returns the version of the terms of use, which the person accepts."""
    return str((await send(dmp.http, dmp.urls, "GET", "identity", "/terms")).json()["version"])


async def _post(dmp: Dmp, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = await send(dmp.http, dmp.urls, "POST", "identity", path, json=body)
    reply: dict[str, Any] = answer.json() if answer.content else {}
    return reply


async def _call(patient: Session, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = await patient.call("POST", "identity", path, json=body)
    reply: dict[str, Any] = answer.json() if answer.content else {}
    return reply


def _put(var: Path, record: Any, path: str, body: Mapping[str, Any]) -> None:
    async def put(dmp: Dmp, _: Mapping[str, Any]) -> None:
        await dmp.patient(record).call("PUT", "identity", path, json=body)

    perform(var, put)
