"""`dmp open`: opens a record."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

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
from deploy.local.cli.commands.people import OidOption, Sex, traits_of
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import ADMINISTRATOR
from deploy.local.demo.people import invent, opening
from deploy.local.platform.errors import LocalError
from shared.cda.header import read_header
from shared.errors import CodedError
from shared.terminology.oids import INS_NIR_TEST

_DAY = ["%Y-%m-%d"]
_LONGEST_WAIT_S = 10
_INTERRUPTED = "the record may be open; repeat the command with the same traits: it returns that record"


class Relation(StrEnum):
    """The relation to the holder of the person who receives the messages."""

    HOLDER = "holder"
    REPRESENTATIVE = "representative"


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command("open")(open_record)


def open_record(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    ins: Annotated[str | None, typer.Option("--ins", help="National health number, 15 characters.")] = None,
    oid: OidOption = INS_NIR_TEST,
    birth_name: Annotated[str | None, typer.Option("--birth-name", help="As in the INS.")] = None,
    given_name: Annotated[str | None, typer.Option("--given-name", help="The first of the birth names.")] = None,
    birth_date: Annotated[datetime | None, typer.Option("--birth-date", formats=_DAY, help="As in the INS.")] = None,
    sex: Annotated[Sex | None, typer.Option("--sex", help="As in the INS.")] = None,
    birth_place: Annotated[str | None, typer.Option("--birth-place", help="COG code, 5 characters.")] = None,
    mail: Annotated[str | None, typer.Option("--mail", help="Mail address for messages.")] = None,
    language: LanguageOption = Language.FR,
    relation: Annotated[Relation, typer.Option("--relation", help="Who receives the messages.")] = Relation.HOLDER,
    from_file: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", dir_okay=False, help="Take the patient from the header of this CDA."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Open it for a freshly invented person.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Open the record of an insured person, and wait until it is in force.

    For a person whose record is open, the command returns that record.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Examples:

    dmp open --demo

    dmp open --from letter.xml --mail someone@example.org

    dmp open --ins 255069999999934 --birth-name PAT-TROIS --given-name DOMINIQUE --birth-date 1955-06-12 --sex female
    """
    contact = {"mail": mail, "language": language.value, "relation": relation.value}
    if demo:
        person = invent()
        body = person.opening(language.value, relation.value)
        if mail is not None:
            body["contact"] = contact
    elif from_file is not None:
        body = _of_header(from_file) | {"contact": contact}
    else:
        traits = _traits(birth_name, given_name, birth_date.date() if birth_date else None, sex)
        if ins is None or traits is None:
            fail(EXIT_USAGE, "give --demo, or --from FILE, or --ins with --birth-name --given-name --birth-date --sex")
        if birth_place is not None:
            traits["birth_place"] = birth_place
        body = opening(ins=ins, oid=oid, traits=traits, **contact)  # type: ignore[arg-type]  # mail alone may be None
    record = perform(var, lambda dmp, installation: _open(dmp, installation, body), _INTERRUPTED)
    if as_json:
        show_json(record | {"ins": body["ins"], "traits": body["traits"], "contact": body["contact"]})
    else:
        _show(record, body)
    if record["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


async def _open(dmp: Dmp, installation: Mapping[str, Any], body: dict[str, object]) -> dict[str, Any]:
    administrator = session_for(dmp, installation, ADMINISTRATOR)
    prefer = {"prefer": f"wait={_LONGEST_WAIT_S}"}
    answer = await administrator.call("POST", "identity", "/records", json=body, headers=prefer)
    return {"existed": answer.status_code == 200, **answer.json()}


def _traits(
    birth_name: str | None, given_name: str | None, birth_date: date | None, sex: Sex | None
) -> dict[str, str] | None:
    if birth_name is None or given_name is None or birth_date is None or sex is None:
        return None
    return traits_of(birth_name, given_name, birth_date, sex)


def _of_header(path: Path) -> dict[str, object]:
    """Returns INS and traits of a CDA's patient, as the body of `POST /records`. Raises LocalError."""
    try:
        header = read_header(path.read_bytes())
    except OSError as error:
        raise LocalError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from error
    except CodedError as error:
        raise LocalError(f"{path.name}: {error}") from error
    traits = header.traits
    if not header.ins:
        raise LocalError(f"{path.name}: the header contains no INS of the patient")
    stated = {
        "birth_name": traits.birth_name,
        "given_name": traits.given_name,
        "birth_date": traits.birth_date,
        "sex": traits.sex.value if traits.sex else None,
    }
    missing = [name for name, value in stated.items() if value is None]
    if missing:
        raise LocalError(f"{path.name}: the header lacks the patient's {', '.join(missing).replace('_', ' ')}")
    if traits.birth_place is not None:
        stated["birth_place"] = traits.birth_place
    return {"ins": {"value": header.ins[0].matricule, "oid": header.ins[0].oid}, "traits": stated}


def _show(record: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    traits = body["traits"]
    person = f"{traits['given_name']} {traits['birth_name']}, {traits['birth_date']}"
    status = record["status"] + (", opened before" if record["existed"] else "")
    rows = [(record["record_id"], status, person, body["ins"]["value"], body["contact"]["mail"])]
    show_table(("record", "status", "person", "INS", "mail"), rows, "")
