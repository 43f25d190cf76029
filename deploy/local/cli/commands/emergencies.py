"""`dmp emergencies` and `dmp my-emergencies`: emergency accesses, for a structure and for a patient."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import (
    AsPatientOption,
    RecordOption,
    moment,
    patient_session,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import OPERATOR

_MODES = {"bris_de_glace": "break-glass", "centre_15": "regulation of emergencies"}


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(emergencies)
    app.command("my-emergencies")(my_emergencies)


def emergencies(
    var: VarOption,
    structure: Annotated[str, typer.Option("--structure", metavar="ID", help="National id.", show_default=False)],
    week: Annotated[str, typer.Option("--week", metavar="2026-W47", help="A week of ISO 8601.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """List a structure's professionals who opened records in an emergency in one week, for its data protection officer.

    Shows the numbers of records and documents, and whether a motive was given. It names no patient.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp emergencies --structure 1750000001 --week 2026-W47
    """
    report = perform(var, lambda dmp, installation: _ask(dmp, installation, structure, week))
    if as_json:
        show_json(report)
        return
    headings = ("from", "until", "who", "how", "records", "documents", "motive")
    show_table(headings, [_row(emergency) for emergency in report["emergencies"]], "no emergency in this week")


def my_emergencies(
    record: RecordOption, var: VarOption, who: AsPatientOption = None, as_json: JsonOption = False
) -> None:
    """List who opened a record in an emergency, with the motive and the documents read, as the record's patient.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp my-emergencies --record UUID
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        report: dict[str, Any] = (await session.call("GET", "audit", f"/records/{record}/emergencies")).json()
        return report

    report = perform(var, look)
    if as_json:
        show_json(report)
        return
    rows = [
        (
            moment(emergency["from"]),
            moment(emergency["until"]),
            _named(emergency["professional"]),
            _named(emergency["organisation"] or {}),
            _MODES.get(emergency["mode"], emergency["mode"]),
            emergency["motive"],
            len(emergency["documents"]),
        )
        for emergency in report["emergencies"]
    ]
    headings = ("from", "until", "who", "structure", "how", "motive", "documents")
    show_table(headings, rows, "nobody opened this record in an emergency")


async def _ask(dmp: Dmp, installation: Mapping[str, Any], structure: str, week: str) -> Any:
    operator = session_for(dmp, installation, OPERATOR)
    path = f"/structures/{structure}/emergencies"
    return (await operator.call("GET", "audit", path, params={"week": week})).json()


def _row(emergency: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        moment(emergency["from"]),
        moment(emergency["until"]),
        _named(emergency["professional"]),
        _MODES.get(emergency["mode"], emergency["mode"]),
        emergency["records"],
        emergency["documents"],
        "given" if emergency["motive_given"] else "none",
    )


def _named(holder: Mapping[str, Any]) -> str | None:
    return " ".join(filter(None, (holder.get("id"), holder.get("name")))) or None
