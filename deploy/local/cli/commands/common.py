"""Options, exit codes and output of all commands, and the function that runs their work."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer

from deploy.local.cli.installation import EXIT_NOT_RUNNING
from deploy.local.cli.interruptible import run
from deploy.local.demo.bootstrap import session_of
from deploy.local.demo.client import Dmp, Session, connect
from deploy.local.platform import endpoints
from deploy.local.platform.errors import LocalError
from deploy.local.platform.paths import Layout

EXIT_REFUSED, EXIT_USAGE, EXIT_NOT_YET = 1, 2, 4
T = TypeVar("T")


class Language(StrEnum):
    """The language of texts for a person."""

    FR = "fr"
    EN = "en"


LanguageOption = Annotated[Language, typer.Option("--language")]
RecordOption = Annotated[UUID, typer.Option("--record", metavar="UUID", help="Id of the record, from `dmp open`.")]
SecondsOption = Annotated[float, typer.Option("--timeout", min=0, metavar="SECONDS", help="Longest time to wait.")]


def perform(var: Path, work: Callable[[Dmp, Mapping[str, Any]], Awaitable[T]]) -> T:
    """Runs the work with a client of the running installation and the content of its `endpoints.json`.

    Exits with 3 if nothing runs.
    """
    installation = read_installation(var)

    async def connected() -> T:
        async with connect(installation) as dmp:
            return await work(dmp, installation)

    return run(connected())


def read_installation(var: Path) -> dict[str, Any]:
    """Returns the content of `endpoints.json`. Exits with 3 if nothing runs."""
    try:
        return endpoints.read(Layout(var))
    except LocalError as error:
        fail(EXIT_NOT_RUNNING, str(error))


def fail(code: int, message: str) -> NoReturn:
    """Ends the command with an exit code and a message of one line."""
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(code)


def retire(app: typer.Typer, name: str, successor: str) -> None:
    """Adds a hidden command under a retired name, which exits with 2 and names its successor."""

    def retired(context: typer.Context) -> None:
        fail(EXIT_USAGE, f"`dmp {name}` is now `dmp {successor}`")

    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(name, hidden=True, add_help_option=False, context_settings=settings)(retired)


def session_for(dmp: Dmp, installation: Mapping[str, Any], name: str) -> Session:
    """Returns a session for a caller. Raises LocalError if the name is unknown.

    `name` is `patient:<record>`, `professional:<id>`, or a name from `dmp bootstrap`.
    """
    kind, _, id = name.partition(":")
    match kind:
        case "patient" if id:
            return dmp.patient(id)
        case "professional" if id:
            return dmp.professional(id)
    return session_of(dmp, installation.get("credentials", {}), name)


def show_json(value: object) -> None:
    """Prints a JSON value for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def show_table(headings: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> None:
    """Prints a table for people; without rows, prints `nothing` on the error stream."""
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
    """Returns the text of a table's cell."""
    match value:
        case None:
            return "-"
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S}"
        case _:
            return str(value)


def moment(text: str | None) -> datetime | None:
    """Parses a time as the services write it (ISO 8601)."""
    return None if text is None else datetime.fromisoformat(text)


def with_zone(text: str) -> str:
    """Returns a date or time with its zone, by default this machine's. Exits with 2 if the text is no date."""
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        fail(EXIT_USAGE, f"{text} is not a date: write 2027-01-01 or 2027-01-01T08:00:00+01:00")


def after(start: str, end: str | None) -> str:
    """Returns the time between two moments in words, in ms or s."""
    if end is None:
        return "-"
    seconds = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    return f"{seconds * 1000:.0f} ms" if seconds < 10 else f"{seconds:.0f} s"
