"""`dmp measures`: what a patient measures at home: weight, blood pressure, glucose ..."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
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
from deploy.local.demo.client import Dmp
from shared.terminology.measures import BLOOD_PRESSURE, entered_codes, measure_contexts, measure_types

CodeArgument = Annotated[str, typer.Argument(metavar="CODE", help="WEIGHT, BLOOD_PRESSURE, GLUCOSE ...")]
ValueArgument = Annotated[str, typer.Argument(metavar="VALUE", help="A number; of a blood pressure two: 131/82.")]
IdArgument = Annotated[UUID, typer.Argument(metavar="ID", help="Id of the measure, from `dmp measures list`.")]
AtOption = Annotated[str | None, typer.Option("--at", metavar="TIME", help="When it was measured; default: now.")]
_COLUMNS = ("measured at", "measure", "value", "unit", "entered by", "masked", "id")


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    group = typer.Typer(help="Measures of a patient: enter, list with trends, correct, delete.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_)
    group.command("correct")(correct)
    group.command("delete")(delete)
    app.add_typer(group, name="measures")


def add(  # noqa: PLR0913  # each is an option of the command line
    code: CodeArgument,
    value: ValueArgument,
    record: RecordOption,
    var: VarOption,
    at: AtOption = None,
    moment: Annotated[str | None, typer.Option("--moment", help="Of a GLUCOSE: fasting, after-meal ...")] = None,
    days: Annotated[str | None, typer.Option("--days", help="Days of a mean: 7, 14, 30, 90, other.")] = None,
    comment: Annotated[str | None, typer.Option("--comment")] = None,
    masked: Annotated[bool, typer.Option("--masked", help="Hide it from professionals.")] = False,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a measure, as a record's patient. Entering it again changes nothing.

    Exit codes: 0 entered, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp measures add BLOOD_PRESSURE 131/82 --record UUID
    """
    check_value("CODE", code, entered_codes())
    for option, text, kind in (("--moment", moment, "moment"), ("--days", days, "days")):
        if text is not None:
            check_value(option, text, measure_contexts("moment" if kind == "moment" else "days"))
    body = {"code": code, "measured_at": _moment(at), **_numbers(code, value), "masked": masked}
    body |= {"moment": moment, "number_of_days": days, "comment": comment}

    async def post(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        view: dict[str, Any] = (await session.call("POST", "records", f"/records/{record}/measures", json=body)).json()
        return view

    added = perform(var, post, "the measure may have been entered: repeating the command with --at enters it once")
    if as_json:
        show_json(added)
    else:
        print(f"{added['measure_id']}: {'entered' if added['is_new'] else 'was entered before'}")


def list_(  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    code: Annotated[str | None, typer.Option("--code", help="One measure; default: all.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="The first day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a record's measures that a caller may see, newest first, and how they changed.

    Exit codes: 0 listed, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp measures list --record UUID --code WEIGHT --as doctor
    """
    if code is not None:
        check_value("--code", code, measure_types())
    chosen = {"code": code, "from": first, "to": last}

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        params = {name: text for name, text in chosen.items() if text is not None}
        view: dict[str, Any] = (
            await session.call("GET", "records", f"/records/{record}/measures", params=params)
        ).json()
        return view

    view = perform(var, look)
    if as_json:
        show_json(view)
        return
    rows = [_row(measure) for measure in view["measures"]]
    rows += [(point["at"], code, point["value"], "", "computed", "", point["measure_id"]) for point in view["points"]]
    show_table(_COLUMNS, rows, "no measure may be shown")
    show_trends(view["trends"])


def correct(
    id: IdArgument,
    value: ValueArgument,
    record: RecordOption,
    var: VarOption,
    at: AtOption = None,
    who: AsPatientOption = None,
) -> None:
    """Correct the value of a measure, and the time with --at; all else stays. The earlier version stays visible.

    Exit codes: 0 corrected, 1 refused or no such measure, 2 usage, 3 nothing runs.

    Example: dmp measures correct UUID 72.4 --record UUID
    """
    path = f"/records/{record}/measures/{id}"

    async def put(dmp: Dmp, installation: Mapping[str, Any]) -> None:
        session = patient_session(dmp, installation, record, who)
        present = await session.call("GET", "records", path)
        current: dict[str, Any] = present.json()["versions"][0]
        kept = ("code", "measured_at", "moment", "number_of_days", "comment", "device")
        body = {name: current[name] for name in kept if name in current} | _numbers(current["code"], value)
        body |= {} if at is None else {"measured_at": with_zone(at)}
        await session.call("PUT", "records", path, json=body, headers={"if-match": present.headers["etag"]})

    perform(var, put)
    print(f"{id}: corrected")


def delete(id: IdArgument, record: RecordOption, var: VarOption, who: AsPatientOption = None) -> None:
    """Delete a measure: nobody sees it any more.

    Exit codes: 0 deleted, 1 refused or no such measure, 2 usage, 3 nothing runs.

    Example: dmp measures delete UUID --record UUID
    """

    async def remove(dmp: Dmp, installation: Mapping[str, Any]) -> None:
        session = patient_session(dmp, installation, record, who)
        await session.call("DELETE", "records", f"/records/{record}/measures/{id}")

    perform(var, remove)
    print(f"{id}: deleted")


def show_trends(trends: list[dict[str, Any]]) -> None:
    """Prints how each measure changed: nothing is judged."""
    rows = [
        (trend["label"], trend["count"], trend["last"]["value"], f"{trend['change']:+g}", trend["unit"])
        for trend in trends
    ]
    if rows:
        show_table(("measure", "values", "last", "change", "unit"), rows, "")


def _row(measure: Mapping[str, Any]) -> tuple[object, ...]:
    value = measure.get("value", f"{measure.get('systolic')}/{measure.get('diastolic')}")
    masked = "masked" if measure["masked"] else ""
    entered = (measure["entered_by"], masked, measure["measure_id"])
    return (measure["measured_at"], measure["code"], value, measure["unit"], *entered)


def _numbers(code: str, value: str) -> dict[str, str]:
    """Returns the values as the body names them. Exits with 2 where a blood pressure has not two."""
    if code != BLOOD_PRESSURE:
        return {"value": value}
    systolic, separator, diastolic = value.partition("/")
    if not separator:
        fail(EXIT_USAGE, f"{value}: write a blood pressure with both numbers, such as 131/82")
    return {"systolic": systolic, "diastolic": diastolic}


def _moment(at: str | None) -> str:
    return datetime.now(UTC).isoformat() if at is None else with_zone(at)
