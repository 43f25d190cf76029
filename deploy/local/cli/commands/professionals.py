"""`dmp check-record`, `dmp break-glass` and `dmp attest`: what professionals do at a patient's side."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    EXIT_USAGE,
    RecordOption,
    WhoOption,
    fail,
    perform,
    session_for,
    show_json,
    show_table,
    with_zone,
)
from deploy.local.cli.commands.people import OidOption
from deploy.local.cli.commands.reading import HEADINGS, document_row, search, write_content
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, Session
from deploy.local.demo.credentials import HOSPITAL
from deploy.local.platform.errors import LocalError
from shared.fhir.write import ATTENDING_DOCTOR, AUTHORISATION
from shared.terminology.oids import INS_NIR_TEST

_WAIT = {"prefer": "wait=10"}
_A_YEAR = timedelta(days=364)
_LONGEST_MOTIVE, _SHORTEST_MOTIVE = 500, 10
InsOption = Annotated[str, typer.Option("--ins", help="INS of the patient, 15 characters.")]


class EmergencyMode(StrEnum):
    """The access modes of an emergency (TRE_R248)."""

    BREAK_GLASS = "break-glass"
    REGULATION_CENTRE = "regulation-centre"


_MODES = {EmergencyMode.BREAK_GLASS: "bris_de_glace", EmergencyMode.REGULATION_CENTRE: "centre_15"}


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command("check-record")(check_record)
    app.command("break-glass")(break_glass)
    app.command()(attest)


def check_record(
    ins: InsOption, who: WhoOption, var: VarOption, oid: OidOption = INS_NIR_TEST, as_json: JsonOption = False
) -> None:
    """Ask whether a person has a record, and whether the caller may read it (TD0.2 of the DMP).

    The authorisation is VALIDE (valid), EXPIRE (expired), INTERDIT (blocked) or NON_EXISTE (none).

    Exit codes: 0 there is a record, 1 there is none, or refused, 2 usage, 3 nothing runs.

    Example: dmp check-record --ins 255069999999934 --as doctor
    """

    async def ask(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        form = {"identifier": f"urn:oid:{oid}|{ins}"}
        session = session_for(dmp, installation, who)
        bundle: dict[str, Any] = (await session.call("POST", "records", "/fhir/Patient/_search", data=form)).json()
        return bundle

    patients = [entry["resource"] for entry in perform(var, ask).get("entry", [])]
    patients = [patient for patient in patients if patient["resourceType"] == "Patient"]
    if as_json:
        show_json(patients)
    else:
        rows = [(patient["id"], "open" if patient["active"] else "closed", *_standing(patient)) for patient in patients]
        show_table(("record", "state", "authorisation", "médecin traitant"), rows, "this person has no record")
    if not patients:
        raise typer.Exit(1)


def break_glass(  # noqa: PLR0913  # each is an option of the command line
    ins: InsOption,
    who: WhoOption,
    motive: Annotated[str, typer.Option("--motive", help="Why, in 10 to 500 characters; the patient reads it.")],
    var: VarOption,
    document: Annotated[UUID | None, typer.Argument(metavar="[ID]", help="A document; default: list them.")] = None,
    mode: Annotated[EmergencyMode, typer.Option("--mode", help="The emergency.")] = EmergencyMode.BREAK_GLASS,
    oid: OidOption = INS_NIR_TEST,
    output: Annotated[Path | None, typer.Option("-o", "--output", dir_okay=False, help="Write to a file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Read a record in an emergency (bris de glace) that nobody authorised; the patient is alerted at once.

    Without a document the command lists those of the record. A patient can forbid such reading with `dmp emergency`.

    Exit codes: 0 listed or read, 1 refused or no such document, 2 usage, 3 nothing runs.

    Examples:

    dmp break-glass --ins 255069999999934 --as doctor --motive "Unconscious, history unknown"

    dmp break-glass UUID --ins 255069999999934 --as doctor --motive "Unconscious, history unknown" -o letter.xml
    """
    if not _SHORTEST_MOTIVE <= len(motive.strip()) <= _LONGEST_MOTIVE:
        fail(EXIT_USAGE, f"--motive has {_SHORTEST_MOTIVE} to {_LONGEST_MOTIVE} characters")
    patient = f"urn:oid:{oid}|{ins}"

    async def read(dmp: Dmp, installation: Mapping[str, Any]) -> bytes | list[dict[str, Any]]:
        session = _emergency_session(
            dmp, installation, who, {"mode": _MODES[mode], "motive": motive, "patient": patient}
        )
        if document is not None:
            return (await session.call("GET", "records", f"/fhir/Binary/{document}")).content
        return await search(session, {"patient.identifier": patient, "status": "current"})

    answer = perform(var, read)
    if isinstance(answer, bytes):
        write_content(answer, output)
    elif as_json:
        show_json(answer)
    else:
        show_table(HEADINGS, [document_row(resource) for resource in answer], "no visible document")


def attest(  # noqa: PLR0913  # each is an option of the command line
    structure: Annotated[str, typer.Argument(metavar="STRUCTURE", help="National id, such as 1990000105.")],
    record: RecordOption,
    var: VarOption,
    informed: Annotated[
        datetime | None, typer.Option("--informed-on", formats=["%Y-%m-%d"], help="Day of the talk; default: today.")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="A year at most; the default.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End the attestation.")] = False,
    who: Annotated[
        str, typer.Option("--as", metavar="WHO", help="The structure's software, or a professional of it.")
    ] = HOSPITAL,
    as_json: JsonOption = False,
) -> None:
    """Attest that a patient was informed of a structure's care team (équipe de soins) and did not object.

    The team then reads the record for a year at most. The patient sees that, and can end it with `dmp care-team`.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Example: dmp attest 1990000105 --record UUID --as hospital
    """
    now = datetime.now().astimezone()
    body = {
        "informed_on": (informed or now).date().isoformat(),
        "until": (now + _A_YEAR).isoformat() if until is None else with_zone(until),
    }

    async def put(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session, path = session_for(dmp, installation, who), f"/records/{record}/attestations/{structure}"
        sent = {} if end else {"json": body}
        method = "DELETE" if end else "PUT"
        view: dict[str, Any] = (await session.call(method, "consent", path, headers=_WAIT, **sent)).json()
        return view

    view = perform(var, put, "the attestation may have been taken; repeat the command to be sure")
    if as_json:
        show_json(view)
    else:
        print(f"the {'end of the attestation' if end else 'attestation'} is {view['status']}")
    if view["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


def _emergency_session(dmp: Dmp, installation: Mapping[str, Any], who: str, stated: dict[str, str]) -> Session:
    """Returns a session in an emergency of `professional:<id>[:<structure>]` or a bootstrapped professional."""
    kind, _, rest = who.partition(":")
    if kind == "professional" and rest:
        id, _, structure = rest.partition(":")
        return dmp.professional(id, structure or None, **stated)
    credential = installation.get("credentials", {}).get(who, {})
    if credential.get("kind") != "professional":
        raise LocalError(f"{who} is no professional: name one of `dmp bootstrap`, or professional:ID")
    return dmp.professional(credential["professional_id"], **stated)


def _standing(patient: Mapping[str, Any]) -> tuple[object, ...]:
    stated = {extension["url"]: extension for extension in patient.get("extension", [])}
    attends = stated.get(ATTENDING_DOCTOR, {}).get("valueBoolean")
    return stated.get(AUTHORISATION, {}).get("valueCode"), "yes" if attends else "no"
