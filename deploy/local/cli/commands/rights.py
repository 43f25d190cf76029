"""The commands that change one choice about a record: who reads, who deposits, what is hidden."""

from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    EXIT_USAGE,
    AsPatientOption,
    RecordOption,
    check_value,
    fail,
    patient_session,
    perform,
    show_json,
    show_table,
    with_zone,
)
from deploy.local.cli.installation import JsonOption, VarOption
from shared.terminology.documents import section_labels

_WAIT = {"prefer": "wait=10"}
ProfessionalArgument = Annotated[
    str, typer.Argument(metavar="ID", help="National id of a professional or a structure, such as 899900000101.")
]
DoctorArgument = Annotated[str, typer.Argument(metavar="DOCTOR", help="National id, such as 899900000101.")]
StructureArgument = Annotated[str, typer.Argument(metavar="STRUCTURE", help="National id, such as 1990000204.")]
EndOption = Annotated[bool, typer.Option("--end", help="End it.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(authorise)
    app.command()(block)
    app.command()(unblock)
    app.command("attending-doctor")(attending_doctor)
    app.command("care-team")(care_team)
    app.command("object-to-deposits")(object_to_deposits)
    app.command("hide-section")(hide_section)
    app.command("mask-new")(mask_new)
    app.command()(application)


def authorise(
    professional: ProfessionalArgument,
    record: RecordOption,
    var: VarOption,
    end: EndOption = False,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Such as 2027-01-01; default: no end.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a professional or a structure read a record, as its patient.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Example: dmp authorise 899900000101 --record UUID --until 2027-01-01
    """
    body = None if until is None or end else {"until": with_zone(until)}
    _choose(var, record, who, _method(end), f"authorisations/{professional}", as_json, body)


def block(
    professional: ProfessionalArgument,
    record: RecordOption,
    var: VarOption,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Block a professional or a structure from reading a record; an authorisation ends.

    The caller is the record's patient, or with --as the médecin traitant.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp block 899900000101 --record UUID
    """
    _choose(var, record, who, "PUT", f"blocks/{professional}", as_json)


def unblock(
    professional: ProfessionalArgument,
    record: RecordOption,
    var: VarOption,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a block; an authorisation that it ended does not come back.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp unblock 899900000101 --record UUID
    """
    _choose(var, record, who, "DELETE", f"blocks/{professional}", as_json)


def attending_doctor(
    doctor: DoctorArgument,
    record: RecordOption,
    var: VarOption,
    end: EndOption = False,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Name a doctor as médecin traitant (the attending doctor of the French law), or end that, as a record's patient.

    The médecin traitant reads without an authorisation, masked documents included, and may block others.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp attending-doctor 899900000101 --record UUID
    """
    _choose(var, record, who, _method(end), f"attending-doctors/{doctor}", as_json)


def care_team(
    record: RecordOption,
    var: VarOption,
    object_: Annotated[
        bool | None, typer.Option("--object/--accept", help="Object, or withdraw the objection.", show_default=False)
    ] = None,
    end_attestation: Annotated[
        str | None, typer.Option(metavar="STRUCTURE", help="End a structure's attestation; it cannot attest again.")
    ] = None,
    permit_attestation: Annotated[
        str | None, typer.Option(metavar="STRUCTURE", help="Let a structure attest again.")
    ] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Object to reading by the care team (équipe de soins), or withdraw that, as a record's patient.

    The law presumes that the professionals of one care team may share; a structure attests its team with `dmp attest`.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Examples:

    dmp care-team --record UUID --object

    dmp care-team --record UUID --end-attestation 1990000105
    """
    match (object_, end_attestation, permit_attestation):
        case (bool(), None, None):
            _choose(var, record, who, "PUT", "care-team", as_json, {"objected": object_})
        case (None, str(), None):
            _choose(var, record, who, "DELETE", f"attestations/{end_attestation}", as_json)
        case (None, None, str()):
            _choose(var, record, who, "DELETE", f"attestation-objections/{permit_attestation}", as_json)
        case _:
            fail(EXIT_USAGE, "give one of --object, --accept, --end-attestation, --permit-attestation")


def object_to_deposits(
    structure: StructureArgument,
    record: RecordOption,
    var: VarOption,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="Withdraw the objection.")] = False,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Object to a structure's deposits in a record, as its patient; its earlier deposits stay.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp object-to-deposits 1990000204 --record UUID
    """
    _choose(var, record, who, _method(withdraw), f"feeding-objections/{structure}", as_json)


def hide_section(
    section: Annotated[str, typer.Argument(metavar="SECTION", help="Such as BIOLOGIE.")],
    record: RecordOption,
    var: VarOption,
    show: Annotated[bool, typer.Option("--show", help="Show the section again.")] = False,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hide a section of a record from professionals, as its patient; the médecin traitant and authors still see it.

    Exit codes: 0 in force, 1 refused, 2 no such section, 3 nothing runs, 4 still on its way.

    Example: dmp hide-section BIOLOGIE --record UUID
    """
    check_value("SECTION", section, section_labels())
    _choose(var, record, who, _method(show), f"hidden-sections/{section}", as_json)


def mask_new(
    record: RecordOption,
    var: VarOption,
    masked: Annotated[bool, typer.Option("--on/--off", help="Mask them, or stop that.")] = True,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Mask from professionals every document that is deposited from now on, as a record's patient.

    Exit codes: 0 in force, 1 refused, 3 nothing runs, 4 still on its way.

    Example: dmp mask-new --record UUID --off
    """
    _choose(var, record, who, "PUT", "default-label", as_json, {"masked": masked})


def application(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Client id of the application.")],
    record: RecordOption,
    var: VarOption,
    sections: Annotated[
        list[str] | None, typer.Option("--section", metavar="SECTION", help="Repeat it for several; such as BIOLOGIE.")
    ] = None,
    end: EndOption = False,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let an application of the catalogue (référencée) read sections of a record, or end that, as its patient.

    Exit codes: 0 in force, 1 refused, 2 usage, 3 nothing runs, 4 still on its way.

    Example: dmp application CLIENT --record UUID --section BIOLOGIE
    """
    if not sections and not end:
        fail(EXIT_USAGE, f"name a --section, or give --end; sections are {', '.join(section_labels())}")
    for section in sections or ():
        check_value("--section", section, section_labels())
    _choose(var, record, who, _method(end), f"applications/{client}", as_json, None if end else {"sections": sections})


def show_status(answer: dict[str, Any], as_json: bool) -> None:
    """Prints the version and status of a change. Exits with 4 unless the change is in force."""
    if as_json:
        show_json(answer)
    else:
        show_table(("version", "status"), [(answer["version"], answer["status"])], "")
        if warning := answer.get("warning"):
            typer.echo(warning)
    if answer["status"] != "in-force":
        raise typer.Exit(EXIT_NOT_YET)


def may_be_taken(record: UUID) -> str:
    """Returns what Ctrl-C leaves open about a change that was sent."""
    return f"the change may have been taken; look with `dmp choices --record {record}`"


def _choose(
    var: Path,
    record: UUID,
    who: str | None,
    method: str,
    choice: str,
    as_json: bool,
    body: dict[str, Any] | None = None,
) -> None:
    path = f"/records/{record}/{choice}"
    sent: dict[str, Any] = {"headers": _WAIT} if body is None else {"headers": _WAIT, "json": body}

    async def change(dmp: Any, installation: Any) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        answer: dict[str, Any] = (await session.call(method, "consent", path, **sent)).json()
        return answer

    show_status(perform(var, change, may_be_taken(record)), as_json)


def _method(ends: bool) -> str:
    return "DELETE" if ends else "PUT"
