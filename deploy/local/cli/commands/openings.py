"""`dmp open-online`, `open-assisted` and `open-represented`: openings as people live them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.codes import caught_code, now, password_of
from deploy.local.cli.commands.account import IdentifierOption, PasswordOption, terms_version
from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    EXIT_USAGE,
    Language,
    LanguageOption,
    fail,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.commands.people import OidOption, Sex, ins_of, traits_of
from deploy.local.cli.commands.representatives import Evidence
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, send
from deploy.local.demo.credentials import ADMINISTRATOR, PHARMACIST
from shared.terminology.oids import INS_NIR_TEST

_WAIT = {"prefer": "wait=10"}
InsOption = Annotated[str, typer.Option("--ins", help="INS of an insured person, see `dmp import insured`.")]
CardOption = Annotated[str, typer.Option("--card", help="Serial number of the carte Vitale (health insurance card).")]
MailOption = Annotated[str | None, typer.Option("--mail", help="Mail address for codes and messages.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command("open-online")(open_online)
    app.command("open-assisted")(open_assisted)
    app.command("open-represented")(open_represented)


def open_online(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    ins: InsOption,
    card: CardOption,
    mail: Annotated[str, typer.Option("--mail", help="Mail address for codes and messages.")],
    identifier: IdentifierOption,
    password: PasswordOption = None,
    oid: OidOption = INS_NIR_TEST,
    language: LanguageOption = Language.FR,
    as_json: JsonOption = False,
) -> None:
    """Open a record as an insured adult does it alone, online: card number, code by mail, terms of use, account.

    The code is taken from the mails that this machine caught.

    Exit codes: 0 in force, 1 refused, 2 usage or no code, 3 nothing runs, 4 still on its way.

    Example: dmp open-online --ins 255069999999934 --card 1234567890 --mail a@patient.example --identifier alix
    """
    secret = password_of(password)
    request = {"ins": ins_of(ins, oid), "card_serial": card, "mail": mail, "language": language.value}

    async def post(dmp: Dmp, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = (
            await send(dmp.http, dmp.urls, "POST", "identity", path, json=body, headers=_WAIT)
        ).json()
        return answer

    async def open_it(dmp: Dmp, _: Mapping[str, Any]) -> dict[str, Any]:
        began = now()
        place = f"/openings/online/{(await post(dmp, '/openings/online', request))['opening_id']}"
        code = await caught_code(var, mail, began)
        ticket = (await post(dmp, f"{place}/code", {"code": code}))["ticket"]
        account = {"terms_version": await terms_version(dmp), "identifier": identifier, "password": secret}
        return await post(dmp, f"{place}/complete", {"ticket": ticket, "second_factor": "mail", **account})

    record = perform(var, open_it, "if the code was given, the record may be open: sign in with `dmp account sign-in`")
    if as_json:
        show_json(record)
    else:
        show_table(("record", "status"), [(record["record_id"], record["status"])], "")
    if record["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


def open_assisted(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    ins: InsOption,
    card: CardOption,
    mail: MailOption = None,
    oid: OidOption = INS_NIR_TEST,
    consented: Annotated[bool, typer.Option("--consented", help="The person is present and has agreed.")] = False,
    doctor: Annotated[str | None, typer.Option("--attending-doctor", help="National id of a médecin traitant.")] = None,
    who: Annotated[str, typer.Option("--as", metavar="WHO", help="Who helps, such as professional:ID.")] = PHARMACIST,
    language: LanguageOption = Language.FR,
    as_json: JsonOption = False,
) -> None:
    """Open a record for an insured person who is present with the card, as a professional; the code goes to the person.

    Exit codes: 0 opened, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp open-assisted --ins 255069999999934 --card 1234567890 --mail a@patient.example --consented
    """
    if not consented:
        fail(EXIT_USAGE, "nobody opens a record for a person who has not agreed: say so with --consented")
    body = {"ins": ins_of(ins, oid), "card_serial": card, "consent_noted": True, "mail": mail}
    body |= {"language": language.value, "attending_doctor_id": doctor}

    async def open_it(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        helper = session_for(dmp, installation, who)
        answer: dict[str, Any] = (await helper.call("POST", "identity", "/openings/assisted", json=body)).json()
        return answer

    opened = perform(var, open_it, "the record may be open: repeating the command returns it")
    if as_json:
        show_json(opened)
    else:
        row = (opened["record_id"], opened["code_sent"], opened["contact_from"])
        show_table(("record", "code sent by", "new contact from"), [row], "")


def open_represented(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    ins: Annotated[str, typer.Option("--ins", help="INS of the represented person.")],
    birth_name: Annotated[str, typer.Option("--birth-name", help="As in the INS.")],
    given_name: Annotated[str, typer.Option("--given-name", help="The first of the birth names.")],
    birth_date: Annotated[datetime, typer.Option("--birth-date", formats=["%Y-%m-%d"], help="As in the INS.")],
    sex: Annotated[Sex, typer.Option("--sex", help="As in the INS.")],
    oid: OidOption = INS_NIR_TEST,
    own: Annotated[UUID | None, typer.Option("--own", metavar="UUID", help="Record of the parent who asks.")] = None,
    card: Annotated[str | None, typer.Option("--card", help="With --own: the card on which the minor is.")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="INS", help="Or, as administrator: who represents.")] = None,
    evidence: Annotated[Evidence | None, typer.Option("--evidence", help="With --by: what proves it.")] = None,
    reference: Annotated[str | None, typer.Option("--reference", help="With --by: number of that document.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Open the record of a minor or a protected adult: as a parent with the card, or as administrator with evidence.

    Exit codes: 0 opened, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp open-represented --ins 115069999999934 --birth-name PAT --given-name LOU --birth-date 2015-06-12
    --sex male --by 255069999999934 --evidence family-booklet --reference 75-1
    """
    body: dict[str, Any] = {
        "ins": ins_of(ins, oid),
        "traits": traits_of(birth_name, given_name, birth_date.date(), sex),
        "card_serial": card,
    }
    if by is not None and evidence is not None and reference is not None and own is None:
        stated = {"kind": evidence.value, "reference": reference}
        body["by"] = {"representative": ins_of(by, oid), "evidence": stated}
    elif own is None or by is not None:
        fail(EXIT_USAGE, "give either --own with --card, or --by with --evidence and --reference")

    async def open_it(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = session_for(dmp, installation, ADMINISTRATOR) if own is None else dmp.patient(own)
        answer: dict[str, Any] = (await session.call("POST", "identity", "/records/represented", json=body)).json()
        return answer

    opened = perform(var, open_it, "the record may be open: repeating the command returns it")
    if as_json:
        show_json(opened)
    else:
        row = (opened["record_id"], opened["representation_id"], opened["state"])
        show_table(("record", "representation", "state"), [row], "")
