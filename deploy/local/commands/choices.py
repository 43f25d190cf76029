"""`dmp authorise`, `block`, `unblock`, `object`, `choices`, `preferences`: what a patient chooses."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Session
from deploy.local.commands.common import EXIT_NOT_YET, RecordOption, perform, show_json, show_table

_WAIT = {"prefer": "wait=10"}
ProfessionalArgument = Annotated[str, typer.Argument(metavar="PROFESSIONAL", help="National id, such as 899900000101.")]
StructureArgument = Annotated[str, typer.Argument(metavar="STRUCTURE", help="National id, such as 1990000204.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(authorise)
    app.command()(block)
    app.command()(unblock)
    app.command("object")(object_to_feeding)
    app.command()(choices)
    app.command()(preferences)


def authorise(
    professional: ProfessionalArgument,
    record: RecordOption,
    var: VarOption,
    end: Annotated[bool, typer.Option("--end", help="End the authorisation.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let a professional read a record, as its patient.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp authorise 899900000101 --record UUID
    """
    _choose(var, record, "DELETE" if end else "PUT", f"authorisations/{professional}", as_json)


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
        for name in ("authorised", "blocked", "feeding_objections")
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


def _choose(var: Path, record: UUID, method: str, choice: str, as_json: bool) -> None:
    path = f"/records/{record}/{choice}"
    answer = perform(var, lambda dmp, _: _json_of(dmp.patient(record), method, "consent", path, headers=_WAIT))
    if as_json:
        show_json(answer)
    else:
        show_table(("version", "status"), [(answer["version"], answer["status"])], "")
    if answer["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


async def _json_of(session: Session, method: str, service: str, path: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await session.call(method, service, path, **options)).json()
    return found
