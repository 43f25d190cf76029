"""The choices of a patient.

`dmp authorise`, `block`, `unblock`, `object-to-deposits`, `hide-section`, `emergency`, `care-team`, `choices`,
`choices-history`, `preferences`.
"""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    RecordOption,
    moment,
    perform,
    retire,
    show_json,
    show_table,
    with_zone,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Session

_WAIT = {"prefer": "wait=10"}
ProfessionalArgument = Annotated[str, typer.Argument(metavar="PROFESSIONAL", help="National id, such as 899900000101.")]
StructureArgument = Annotated[str, typer.Argument(metavar="STRUCTURE", help="National id, such as 1990000204.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(authorise)
    app.command()(block)
    app.command()(unblock)
    app.command("object-to-deposits")(object_to_deposits)
    retire(app, "object", "object-to-deposits")
    app.command("hide-section")(hide_section)
    app.command()(emergency)
    app.command("care-team")(care_team)
    app.command()(choices)
    app.command("choices-history")(history)
    app.command()(preferences)


def authorise(
    professional: ProfessionalArgument,
    record: RecordOption,
    var: VarOption,
    end: Annotated[bool, typer.Option("--end", help="End the authorisation.")] = False,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Such as 2027-01-01; default: no end.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a professional or a structure read a record, as its patient.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp authorise 899900000101 --record UUID
    """
    body = None if until is None or end else {"until": with_zone(until)}
    _choose(var, record, "DELETE" if end else "PUT", f"authorisations/{professional}", as_json, body)


def block(
    professional: ProfessionalArgument, record: RecordOption, var: VarOption, as_json: JsonOption = False
) -> None:
    """Block a professional from reading a record, as its patient; an authorisation ends.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp block 899900000101 --record UUID
    """
    _choose(var, record, "PUT", f"blocks/{professional}", as_json)


def unblock(
    professional: ProfessionalArgument, record: RecordOption, var: VarOption, as_json: JsonOption = False
) -> None:
    """End a block; an authorisation that it ended does not come back.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp unblock 899900000101 --record UUID
    """
    _choose(var, record, "DELETE", f"blocks/{professional}", as_json)


def object_to_deposits(
    structure: StructureArgument,
    record: RecordOption,
    var: VarOption,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Withdraw the objection.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Object to a structure's deposits in a record, as its patient; its earlier deposits stay.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp object-to-deposits 1990000204 --record UUID
    """
    _choose(var, record, "DELETE" if withdraw else "PUT", f"feeding-objections/{structure}", as_json)


def hide_section(
    section: Annotated[str, typer.Argument(metavar="SECTION", help="Such as BIOLOGIE.")],
    record: RecordOption,
    var: VarOption,
    show: Annotated[bool, typer.Option("--show", help="Show the section again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Hide a section of a record from professionals, as its patient; the médecin traitant and authors still see it.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp hide-section BIOLOGIE --record UUID
    """
    _choose(var, record, "DELETE" if show else "PUT", f"hidden-sections/{section}", as_json)


def emergency(
    record: RecordOption,
    var: VarOption,
    break_glass: Annotated[bool | None, typer.Option(help="Professionals, with a motive.")] = None,
    regulation_centre: Annotated[bool | None, typer.Option(help="The regulating doctor of a centre 15.")] = None,
    masked_documents: Annotated[bool | None, typer.Option(help="Also masked documents and hidden sections.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Choose which parts of a record may be read in emergencies, as its patient; omitted options stay unchanged.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp emergency --record UUID --no-break-glass
    """
    chosen = {
        "break_glass": break_glass,
        "regulation_centre": regulation_centre,
        "masked_documents": masked_documents,
    }

    async def change(patient: Session) -> dict[str, Any]:
        present = await patient.call("GET", "consent", f"/records/{record}/choices")
        body = present.json()["emergency"] | {name: on for name, on in chosen.items() if on is not None}
        headers = {**_WAIT, "if-match": present.headers["etag"]}
        return await _json_of(patient, "PUT", "consent", f"/records/{record}/emergency", json=body, headers=headers)

    _show_status(perform(var, lambda dmp, _: change(dmp.patient(record))), as_json)


def care_team(
    record: RecordOption,
    var: VarOption,
    object_: Annotated[bool, typer.Option("--object/--accept", help="Object, or withdraw the objection.")],
    as_json: JsonOption = False,
) -> None:
    """Object to reading by the presumed care team, or withdraw the objection, as a record's patient.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp care-team --record UUID --object
    """
    _choose(var, record, "PUT", "care-team", as_json, {"objected": object_})


def history(record: RecordOption, var: VarOption, as_json: JsonOption = False) -> None:
    """List the changes of a record's choices and their authors, the newest first.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp choices-history --record UUID
    """
    path = f"/records/{record}/choices/history?limit=100"
    answer = perform(var, lambda dmp, _: _json_of(dmp.patient(record), "GET", "consent", path))
    if as_json:
        show_json(answer)
        return
    rows = [
        (
            change["version"],
            change["action"],
            change["subject_id"],
            change["by_id"] or change["by"],
            moment(change["changed_at"]),
        )
        for change in answer["changes"]
    ]
    show_table(("version", "change", "of", "by", "at"), rows, "no choice was made yet")


def choices(record: RecordOption, var: VarOption, as_json: JsonOption = False) -> None:
    """Show the choices of a record's patient.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp choices --record UUID
    """
    state = perform(var, lambda dmp, _: _json_of(dmp.patient(record), "GET", "consent", f"/records/{record}/choices"))
    if as_json:
        show_json(state)
        return
    rows = [
        (name.replace("_", " "), ", ".join(state[name]) or None)
        for name in (
            *("authorised", "blocked", "attending_doctors", "hidden_sections"),
            *("feeding_objections", "attestation_objections"),
        )
    ]
    rows += [
        (f"{authorisation['how']} until", f"{authorisation['holder_id']}: {authorisation['until']}")
        for authorisation in state["authorisations"]
        if authorisation["until"]
    ]
    rows += [
        (name.replace("_", " "), "yes" if state[name] else "no")
        for name in ("care_team_objected", "mask_new_documents")
    ]
    rows += [
        (f"in an emergency: {name.replace('_', ' ')}", "yes" if on else "no") for name, on in state["emergency"].items()
    ]
    show_table(("choice", "value"), [*rows, (f"version {state['version']}", state["status"])], "")


def preferences(
    record: RecordOption,
    var: VarOption,
    document: Annotated[bool | None, typer.Option(help="A mail for a new document.")] = None,
    consultation: Annotated[bool | None, typer.Option(help="A mail for a consultation.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which mails the patient of a record receives, or switch them on and off.

    Exit codes: 0 done, 1 refused, 3 nothing runs.

    Examples:

    dmp preferences --record UUID

    dmp preferences --record UUID --no-consultation
    """
    chosen = {"document": document, "consultation": consultation}

    async def change(patient: Session) -> dict[str, Any]:
        path = f"/records/{record}/preferences"
        present = await _json_of(patient, "GET", "notify", path)
        changed = present | {name: value for name, value in chosen.items() if value is not None}
        return present if changed == present else await _json_of(patient, "PUT", "notify", path, json=changed)

    answer = perform(var, lambda dmp, _: change(dmp.patient(record)))
    if as_json:
        show_json(answer)
    else:
        show_table(("mail for a", "enabled"), [(name, "yes" if on else "no") for name, on in answer.items()], "")


def _choose(
    var: Path, record: UUID, method: str, choice: str, as_json: bool, body: dict[str, Any] | None = None
) -> None:
    path = f"/records/{record}/{choice}"
    sent: dict[str, Any] = {"headers": _WAIT} if body is None else {"headers": _WAIT, "json": body}
    _show_status(perform(var, lambda dmp, _: _json_of(dmp.patient(record), method, "consent", path, **sent)), as_json)


def _show_status(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(answer)
    else:
        show_table(("version", "status"), [(answer["version"], answer["status"])], "")
        if warning := answer.get("warning"):
            typer.echo(warning)
    if answer["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


async def _json_of(session: Session, method: str, service: str, path: str, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await session.call(method, service, path, **options)).json()
    return answer
