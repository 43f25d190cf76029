"""`dmp warnings`: compare a prescription with a record, acknowledge its warnings, list what was acknowledged."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from deploy.local.cli.commands.common import (
    EXIT_USAGE,
    WHO,
    RecordOption,
    fail,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, Session
from deploy.local.platform.errors import LocalError
from shared.terminology import oids

HEADINGS: Final = ("kind", "warning", "acknowledged")
UNCHECKED_HEADINGS: Final = ("not checked", "why")
ACKNOWLEDGED_HEADINGS: Final = ("when", "professional", "warning", "reason")
SYSTEMS: Final = {
    "ATC": "http://www.whocc.no/atc",
    "CIS": "urn:oid:1.2.250.1.213.2.3.1",
    "CIP": "urn:oid:1.2.250.1.213.2.3.2",
}
"""The code systems by which a medicine is named on the command line."""


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(warnings)


def warnings(  # noqa: PLR0913  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    medicine: Annotated[
        list[str] | None,
        typer.Option(
            "--medicine", metavar="SYSTEM=CODE[:NAME]", help="A prescribed medicine: ATC=, CIS= or CIP=, or a name."
        ),
    ] = None,
    exam: Annotated[list[str] | None, typer.Option("--exam", metavar="LOINC", help="An ordered exam.")] = None,
    cda: Annotated[
        Path | None,
        typer.Option("--cda", metavar="FILE", dir_okay=False, help="Or the prescription's document (CDA, eP-MED-DM)."),
    ] = None,
    acknowledge: Annotated[
        str | None, typer.Option("--acknowledge", metavar="REASON", help="Acknowledge all its warnings.")
    ] = None,
    who: Annotated[str | None, typer.Option("--as", metavar="WHO", help=f"{WHO} from `dmp bootstrap`.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a prescription with a record; without one, list the warnings that professionals acknowledged.

    Nothing of the prescription is kept. What is not checked is named: that is never the same as no warning. Without
    --as, the patient is the caller, who reads what was acknowledged. This is no certified medical device.

    Exit codes: 0 shown, 1 refused, 2 usage, 3 nothing runs.

    Examples:

    dmp warnings --record UUID --as doctor --medicine ATC=J01CA04 --exam 718-7

    dmp warnings --record UUID --as doctor --cda prescription.xml

    dmp warnings --record UUID --as doctor --medicine ATC=J01CA04:Amoxicilline --acknowledge "Tolerated since 2020"

    dmp warnings --record UUID
    """
    prescription = _prescription(medicine or (), exam or (), cda)
    has_items = bool(prescription)
    if acknowledge is not None and not has_items:
        fail(EXIT_USAGE, "--acknowledge needs the prescription: --medicine, --exam, or --cda")

    async def work(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = dmp.patient(str(record)) if who is None else session_for(dmp, installation, who)
        path = f"/records/{record}/warnings"
        if not has_items:
            acknowledged: dict[str, Any] = (await session.call("GET", "records", f"{path}/acknowledgements")).json()
            return acknowledged
        shown: dict[str, Any] = (await session.call("POST", "records", path, json=prescription)).json()
        if acknowledge is not None and shown["warnings"]:
            await _acknowledge(session, path, prescription, shown["warnings"], acknowledge)
            shown = (await session.call("POST", "records", path, json=prescription)).json()
        return shown

    shown = perform(var, work)
    if as_json:
        show_json(shown)
    elif has_items:
        _show(shown)
    else:
        rows = [
            (each["at"], each["professional_id"], each["text"], each["reason"]) for each in shown["acknowledgements"]
        ]
        show_table(ACKNOWLEDGED_HEADINGS, rows, "no acknowledged warning")


async def _acknowledge(
    session: Session,
    path: str,
    prescription: Mapping[str, Any],
    given_warnings: Sequence[Mapping[str, Any]],
    reason: str,
) -> None:
    body = {
        "prescription": prescription,
        "warnings": [warning["id"] for warning in given_warnings],
        "reason": reason,
    }
    await session.call("POST", "records", f"{path}/acknowledgements", json=body)


def _show(shown: Mapping[str, Any]) -> None:
    rows = [(each["kind"], each["text"], each.get("acknowledged", {}).get("reason", "")) for each in shown["warnings"]]
    show_table(HEADINGS, rows, "no warning by these rules")
    if shown["unchecked"]:
        show_table(UNCHECKED_HEADINGS, [(each.get("label", ""), each["reason"]) for each in shown["unchecked"]], "")
    typer.echo(shown["notice"], err=True)


def _prescription(medicines: Sequence[str], exams: Sequence[str], cda: Path | None) -> dict[str, Any]:
    """Returns the prescription as the API takes it; nothing where none is named. Exits with 2; raises LocalError."""
    if cda is None:
        items = {"medicines": [_medicine(each) for each in medicines], "exams": [_exam(each) for each in exams]}
        return items if medicines or exams else {}
    if medicines or exams:
        fail(EXIT_USAGE, "give either --cda, or --medicine and --exam")
    try:
        return {"cda": base64.b64encode(cda.read_bytes()).decode("ascii")}
    except OSError as error:
        raise LocalError(f"{cda}: {(error.strerror or 'cannot be read').lower()}") from error


def _medicine(text: str) -> dict[str, Any]:
    system, separator, rest = text.partition("=")
    if not separator:
        return {"name": text}
    if system.upper() not in SYSTEMS:
        fail(EXIT_USAGE, f"{system}: a medicine is ATC=CODE, CIS=CODE, CIP=CODE, or a name")
    code, _, name = rest.partition(":")
    return {"codes": [{"system": SYSTEMS[system.upper()], "code": code}], **({"name": name} if name else {})}


def _exam(code: str) -> dict[str, Any]:
    return {"codes": [{"system": oids.LOINC_SYSTEM, "code": code}]}
