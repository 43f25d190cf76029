"""`dmp summary`: the summary sheet of a record, as a caller sees it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from deploy.local.cli.commands.common import WHO, RecordOption, perform, session_for, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp

HEADINGS: Final = ("chapter", "what", "state", "day", "source")


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(summary)


def summary(
    record: RecordOption,
    var: VarOption,
    who: Annotated[str | None, typer.Option("--as", metavar="WHO", help=f"{WHO} from `dmp bootstrap`.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the summary sheet of a record, as a caller sees it; without --as, the patient is the caller.

    Nothing listed under a chapter means that nothing is in the record, never that there is nothing. A professional's
    sheet may lack what the person masks.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Examples:

    dmp summary --record UUID

    dmp summary --record UUID --as doctor
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = dmp.patient(str(record)) if who is None else session_for(dmp, installation, who)
        shown: dict[str, Any] = (await session.call("GET", "records", f"/records/{record}/summary")).json()
        return shown

    sheet = perform(var, look)
    if as_json:
        show_json(sheet)
        return
    show_table(HEADINGS, [_cells(line) for line in sheet["lines"]], "nothing in the record")


def _cells(line: Mapping[str, Any]) -> tuple[object, ...]:
    source: Mapping[str, Any] = next(iter(line["sources"]), {})
    old = ", old" if line["is_old"] else ""
    return (line["chapter"], _label(line), line["state"] + old, source.get("day"), source.get("document_id"))


def _label(line: Mapping[str, Any]) -> str:
    """Returns the words of the fact's code, and that it states that there is none."""
    fact: Mapping[str, Any] = line["fact"] or {}
    concept: Mapping[str, Any] = fact.get("code") or {}
    coding: Mapping[str, Any] = concept.get("coding") or {}
    words = coding.get("display") or concept.get("text") or coding.get("code") or ""
    return f"{words} (none)" if fact.get("statement") == "none" else str(words)
