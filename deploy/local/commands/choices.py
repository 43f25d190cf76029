"""What a patient chooses: `dmp authorise`, `block`, `unblock`, `object`, `hide-section`, `emergency`, `care-team`,
`choices`, `choices-history`, `preferences`."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Session
from deploy.local.commands.common import (
    EXIT_NOT_YET,
    RecordOption,
    moment,
    perform,
    show_json,
    show_table,
    with_zone,
)

_WAIT = {"prefer": "wait=10"}
ProfessionalArgument = Annotated[str, typer.Argument(metavar="PROFESSIONAL", help="National id, such as 899900000101.")]
StructureArgument = Annotated[str, typer.Argument(metavar="STRUCTURE", help="National id, such as 1990000204.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(authorise)
    app.command()(block)
    app.command()(unblock)
    app.command("object")(object_to_feeding)
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
    until: Annotated[str | None, typer.Option(metavar="DATE", help="2027-01-01; without an end without it.")] = None,
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
    """Never let a professional read a record, as its patient; an authorisation ends.

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


def object_to_feeding(
    structure: StructureArgument,
    record: RecordOption,
    var: VarOption,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Withdraw the objection.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Object to a structure's deposits in a record, as its patient; what it has deposited stays.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp object 1990000204 --record UUID
    """
    _choose(var, record, "DELETE" if withdraw else "PUT", f"feeding-objections/{structure}", as_json)


def hide_section(
    section: Annotated[str, typer.Argument(metavar="SECTION", help="Such as BIOLOGIE.")],
    record: RecordOption,
    var: VarOption,
    show: Annotated[bool, typer.Option("--show", help="Show it again.")] = False,
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
    masked_documents: Annotated[bool | None, typer.Option(help="Masked documents and hidden sections, too.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Choose what may be read of a record in emergencies, as its patient; what is not named stays.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp emergency --record UUID --no-break-glass
    """
    wanted = {
        "break_glass": break_glass,
        "regulation_centre": regulation_centre,
        "masked_documents": masked_documents,
    }

    async def change(patient: Session) -> dict[str, Any]:
        looked = await patient.call("GET", "consent", f"/records/{record}/choices")
        body = looked.json()["emergency"] | {name: on for name, on in wanted.items() if on is not None}
        headers = {**_WAIT, "if-match": looked.headers["etag"]}
        return await _json_of(patient, "PUT", "consent", f"/records/{record}/emergency", json=body, headers=headers)

    _tell(perform(var, lambda dmp, _: change(dmp.patient(record))), as_json)


def care_team(
    record: RecordOption,
    var: VarOption,
    object_: Annotated[bool, typer.Option("--object/--accept", help="Object, or withdraw the objection.")],
    as_json: JsonOption = False,
) -> None:
    """Object to the presumption that whoever treats you may read, as a record's patient, or no longer.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp care-team --record UUID --object
    """
    _choose(var, record, "PUT", "care-team", as_json, {"objected": object_})


def history(record: RecordOption, var: VarOption, as_json: JsonOption = False) -> None:
    """Show who changed the choices of a record, newest first.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp choices-history --record UUID
    """
    path = f"/records/{record}/choices/history?limit=100"
    found = perform(var, lambda dmp, _: _json_of(dmp.patient(record), "GET", "consent", path))
    if as_json:
        show_json(found)
        return
    rows = [
        (one["version"], one["action"], one["subject_id"], one["by_id"] or one["by"], moment(one["changed_at"]))
        for one in found["changes"]
    ]
    show_table(("version", "change", "of", "by", "at"), rows, "no choice was ever made")


def choices(record: RecordOption, var: VarOption, as_json: JsonOption = False) -> None:
    """Show what the patient of a record has chosen.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp choices --record UUID
    """
    found = perform(var, lambda dmp, _: _json_of(dmp.patient(record), "GET", "consent", f"/records/{record}/choices"))
    if as_json:
        show_json(found)
        return
    rows = [
        (name.replace("_", " "), ", ".join(found[name]) or None)
        for name in (
            *("authorised", "blocked", "attending_doctors", "hidden_sections"),
            *("feeding_objections", "attestation_objections"),
        )
    ]
    rows += [
        (f"{one['how']} until", f"{one['holder_id']}: {one['until']}")
        for one in found["authorisations"]
        if one["until"]
    ]
    rows += [
        (name.replace("_", " "), "yes" if found[name] else "no")
        for name in ("care_team_objected", "mask_new_documents")
    ]
    rows += [
        (f"in an emergency: {name.replace('_', ' ')}", "yes" if on else "no") for name, on in found["emergency"].items()
    ]
    show_table(("choice", "value"), [*rows, (f"version {found['version']}", found["status"])], "")


def preferences(
    record: RecordOption,
    var: VarOption,
    document: Annotated[bool | None, typer.Option(help="A mail for a new document.")] = None,
    consultation: Annotated[bool | None, typer.Option(help="A mail for a consultation.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which mails the patient of a record wants, or switch them on and off.

    Exit codes: 0 done, 1 refused, 3 nothing runs.

    Examples:

    dmp preferences --record UUID

    dmp preferences --record UUID --no-consultation
    """
    wanted = {"document": document, "consultation": consultation}

    async def change(patient: Session) -> dict[str, Any]:
        path = f"/records/{record}/preferences"
        present = await _json_of(patient, "GET", "notify", path)
        changed = present | {name: value for name, value in wanted.items() if value is not None}
        return present if changed == present else await _json_of(patient, "PUT", "notify", path, json=changed)

    found = perform(var, lambda dmp, _: change(dmp.patient(record)))
    if as_json:
        show_json(found)
    else:
        show_table(("mail for a", "wanted"), [(name, "yes" if on else "no") for name, on in found.items()], "")


def _choose(
    var: Path, record: UUID, method: str, choice: str, as_json: bool, body: dict[str, Any] | None = None
) -> None:
    path = f"/records/{record}/{choice}"
    sent: dict[str, Any] = {"headers": _WAIT} if body is None else {"headers": _WAIT, "json": body}
    _tell(perform(var, lambda dmp, _: _json_of(dmp.patient(record), method, "consent", path, **sent)), as_json)


def _tell(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(answer)
    else:
        show_table(("version", "status"), [(answer["version"], answer["status"])], "")
        if warning := answer.get("warning"):
            typer.echo(warning)
    if answer["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


async def _json_of(session: Session, method: str, service: str, path: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await session.call(method, service, path, **options)).json()
    return found
