"""The options, exit codes and output that all commands share, and the function that runs their work."""

import difflib
import json
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from uuid import UUID

import typer

from deploy.local.cli.installation import EXIT_NOT_RUNNING
from deploy.local.cli.interruptible import run
from deploy.local.cli.waiting import counted_seconds
from deploy.local.demo.client import Dmp, Session, connect
from deploy.local.demo.credentials import session_of
from deploy.local.platform import endpoints
from deploy.local.platform.errors import Interrupted, LocalError
from deploy.local.platform.paths import Layout

EXIT_REFUSED, EXIT_USAGE, EXIT_NOT_YET = 1, 2, 4
WHO = "patient:RECORD, patient:OWN:RECORD (a representative or carer), professional:ID[:STRUCTURE], or a name"
T = TypeVar("T")


class Language(StrEnum):
    """The language of texts for a person."""

    FR = "fr"
    EN = "en"


LanguageOption = Annotated[Language, typer.Option("--language", help="Language of the texts.")]
RecordOption = Annotated[UUID, typer.Option("--record", metavar="UUID", help="Id of the record, from `dmp open`.")]
SecondsOption = Annotated[float, typer.Option("--timeout", min=0, metavar="SECONDS", help="Longest time to wait.")]
WhoOption = Annotated[str, typer.Option("--as", metavar="WHO", help=f"{WHO} from `dmp bootstrap`.")]
AsPatientOption = Annotated[
    str | None, typer.Option("--as", metavar="WHO", help=f"Default: the record's patient; or {WHO}.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask; scripts need it.")]


def perform(
    var: Path,
    work: Callable[[Dmp, Mapping[str, Any]], Awaitable[T]],
    if_interrupted: Callable[[], str] | str = "",
) -> T:
    """Runs the work with a client of the running installation and the content of its `endpoints.json`.

    `if_interrupted` says what became of the work when Ctrl-C ends it. Raises Interrupted. Exits with 3 if nothing runs.
    """
    installation = read_installation(var)

    async def connected() -> T:
        async with counted_seconds(), connect(installation) as dmp:
            return await work(dmp, installation)

    try:
        return run(connected())
    except Interrupted as interruption:
        raise Interrupted(if_interrupted() if callable(if_interrupted) else if_interrupted) from interruption


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


def confirm(consequence: str, yes: bool) -> None:
    """Asks before an act that cannot be undone. Exits with 2 without a terminal to ask in, with 1 after a no."""
    if yes:
        return
    if not sys.stdin.isatty():
        fail(EXIT_USAGE, f"{consequence}: confirm with --yes, for there is no terminal to ask in")
    if not typer.confirm(f"{consequence}. Go on?", err=True):
        fail(EXIT_REFUSED, "nothing was done")


def check_value(option: str, value: str, allowed: Iterable[str]) -> None:
    """Exits with 2 unless the value is allowed; the message names the nearest values, then all."""
    values = list(allowed)
    if value in values:
        return
    near = difflib.get_close_matches(value, values) or difflib.get_close_matches(value.upper(), values, cutoff=0.5)
    meant = f"did you mean {' or '.join(near)}? " if near else ""
    fail(EXIT_USAGE, f"{option} {value} is unknown: {meant}choose one of {', '.join(values)}")


def check_interval(start: datetime, end: datetime) -> None:
    """Exits with 2 unless the interval has a moment."""
    if start >= end:
        fail(
            EXIT_USAGE,
            f"the interval is empty: --from ({start:%Y-%m-%d %H:%M}) is not before --to ({end:%Y-%m-%d %H:%M})",
        )


def session_for(dmp: Dmp, installation: Mapping[str, Any], name: str) -> Session:
    """Returns a session for a caller. Raises LocalError if the name is unknown.

    `name` is `patient:<record>`, `patient:<own record>:<record>` (acting for another patient),
    `professional:<id>[:<structure>]`, or a name from `dmp bootstrap`.
    """
    match name.split(":"):
        case ["patient", own, record] if own and record:
            return dmp.acting_for(own, record)
        case ["patient", record] if record:
            return dmp.patient(record)
        case ["professional", id, structure] if id and structure:
            return dmp.professional(id, structure)
        case ["professional", id] if id:
            return dmp.professional(id)
    return session_of(dmp, installation.get("credentials", {}), name)


def patient_session(dmp: Dmp, installation: Mapping[str, Any], record: UUID, who: str | None) -> Session:
    """Returns the session of the named caller, by default that of the record's patient. Raises LocalError."""
    return dmp.patient(record) if who is None else session_for(dmp, installation, who)


def show_json(value: object) -> None:
    """Prints a JSON value for programs."""
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def show_table(headings: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> None:
    """Prints a table for people; without rows, prints `nothing` on the error stream."""
    from deploy.local.cli.tables import print_table

    if rows:
        print_table(headings, rows)
    else:
        print(nothing, file=sys.stderr)


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
