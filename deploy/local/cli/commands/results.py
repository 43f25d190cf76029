"""`dmp results`: the results of a record over time, as a caller may see them."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import quote

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

HEADINGS: Final = ("code", "analysis", "results", "newest", "on", "trend")
POINT_HEADINGS: Final = ("when", "as written", "number", "unit", "laboratory", "method", "documents")
_TRENDS: Final = {"rising": "↗", "falling": "↘", "equal": "→"}


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(results)


def results(
    record: RecordOption,
    var: VarOption,
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="LOINC code of an analysis.")] = None,
    who: Annotated[str | None, typer.Option("--as", metavar="WHO", help=f"{WHO} from `dmp bootstrap`.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the analyses of a record, or the results of one over time; without --as, the patient is the caller.

    Results are read out of structured documents (CDA N3), some seconds after their publication.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Examples:

    dmp results --record UUID

    dmp results 718-7 --record UUID --as doctor
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = dmp.patient(str(record)) if who is None else session_for(dmp, installation, who)
        path = f"/records/{record}/results" if code is None else f"/records/{record}/results/{quote(code, safe='')}"
        shown: dict[str, Any] = (await session.call("GET", "records", path)).json()
        return shown

    shown = perform(var, look)
    if as_json:
        show_json(shown)
    elif code is None:
        show_table(HEADINGS, [_analysis(each) for each in shown["analyses"]], "no visible result")
    else:
        rows = [_point(point, line) for line in shown["lines"] for point in line["points"]]
        show_table(POINT_HEADINGS, rows, "no visible result")


def _analysis(analysis: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        analysis["code"],
        analysis["name"],
        analysis["count"],
        analysis.get("last", {}).get("text", ""),
        analysis.get("last_at", ""),
        _TRENDS.get(analysis.get("trend", ""), ""),
    )


def _point(point: Mapping[str, Any], line: Mapping[str, Any]) -> tuple[object, ...]:
    time = point.get("time", {})
    return (
        time.get("at") or time.get("start") or time.get("words", ""),
        point.get("value", {}).get("text", ""),
        point.get("number", "") if point["is_plotted"] else "",
        line.get("unit", ""),
        point.get("laboratory", ""),
        point.get("method", ""),
        len(point["sources"]),
    )
