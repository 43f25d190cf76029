"""What all commands share: options, exit codes, tables and JSON, and how work is run against what runs."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer

from deploy.local import endpoints
from deploy.local.bootstrap import session_of
from deploy.local.cli import EXIT_NOT_RUNNING
from deploy.local.client import Dmp, Session, connect
from deploy.local.errors import LocalError
from deploy.local.paths import Layout
from deploy.local.running import run

EXIT_REFUSED, EXIT_USAGE, EXIT_NOT_YET = 1, 2, 4
T = TypeVar("T")


class Language(StrEnum):
    """In which a person is told things."""

    FR = "fr"
    EN = "en"


LanguageOption = Annotated[Language, typer.Option("--language")]
RecordOption = Annotated[
    UUID, typer.Option("--record", metavar="UUID", help="The record's id, as `dmp open` tells it.")
]
SecondsOption = Annotated[float, typer.Option("--timeout", min=0, metavar="SECONDS", help="How long to wait at most.")]


def perform(var: Path, work: Callable[[Dmp, Mapping[str, Any]], Awaitable[T]]) -> T:
    """Runs the work with a client of what runs in the folder, and what `endpoints.json` says. Exits with 3 if nothing
    runs."""
    found = running(var)

    async def connected() -> T:
        async with connect(found) as dmp:
            return await work(dmp, found)

    return run(connected())


def running(var: Path) -> dict[str, Any]:
    """What `endpoints.json` says. Exits with 3 if nothing runs."""
    try:
        return endpoints.read(Layout(var))
    except LocalError as error:
        leave(EXIT_NOT_RUNNING, str(error))


def leave(code: int, why: str) -> NoReturn:
    """Ends the command with one line."""
    print(f"error: {why}", file=sys.stderr)
    raise typer.Exit(code)


def someone(dmp: Dmp, found: Mapping[str, Any], name: str) -> Session:
    """`patient:<record>`, `professional:<id>`, or a name that `dmp bootstrap` has made. Raises LocalError."""
    kind, _, id = name.partition(":")
    match kind:
        case "patient" if id:
            return dmp.patient(id)
        case "professional" if id:
            return dmp.professional(id)
    return session_of(dmp, found.get("credentials", {}), name)


def show_json(value: object) -> None:
    """For programs: one JSON value."""
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def show_table(headings: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> None:
    """For people; `nothing` is said (on the error stream) when there are no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        print(nothing, file=sys.stderr)
        return
    table = Table(*headings, box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell_of(cell), style=_STYLES.get(str(cell), "")) for cell in row))
    Console(width=None if sys.stdout.isatty() else 240).print(table)


_STYLES = {"published": "green", "permitted": "green", "sent": "green", "refused": "red", "received": "yellow"}


def cell_of(value: object) -> str:
    """A value as a table shows it."""
    match value:
        case None:
            return "-"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case _:
            return str(value)


def moment(text: str | None) -> datetime | None:
    """A time as the services write it."""
    return None if text is None else datetime.fromisoformat(text)


def with_zone(text: str) -> str:
    """A date or time as a person writes it, with its zone: this machine's where none is said. Exits with 2."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        leave(EXIT_USAGE, f"{text} is no date: write 2027-01-01 or 2027-01-01T08:00:00+01:00")


def after(start: str, end: str | None) -> str:
    """How long from one time to the other."""
    if end is None:
        return "-"
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
