"""`dmp rubrics`: the eight rubrics of a record, with the numbers of documents that a caller may see."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from deploy.local.cli.commands.common import (
    WHO,
    RecordOption,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp

HEADINGS = ("code", "rubric", "documents", "newest care", "new")


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(rubrics)


def rubrics(
    record: RecordOption,
    var: VarOption,
    who: Annotated[str | None, typer.Option("--as", metavar="WHO", help=f"{WHO} from `dmp bootstrap`.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the eight rubrics of a record, as a caller sees them; without --as, the patient is the caller.

    "new" counts what was published since the caller's last look in an earlier session.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Examples:

    dmp rubrics --record UUID

    dmp rubrics --record UUID --as doctor
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = dmp.patient(str(record)) if who is None else session_for(dmp, installation, who)
        shown: dict[str, Any] = (await session.call("GET", "records", f"/records/{record}/rubrics")).json()
        return shown

    shown = perform(var, look)
    if as_json:
        show_json(shown)
        return
    show_table(HEADINGS, [_cells(rubric) for rubric in shown["rubrics"]], "no rubric")


def _cells(rubric: Mapping[str, Any]) -> tuple[object, ...]:
    return (rubric["code"], rubric["label"], rubric["documents"], rubric["newest_care_on"], rubric["new"])
