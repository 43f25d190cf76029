"""`dmp ingest`: sends a hospital's files of all kinds."""

import re
import sys
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    EXIT_REFUSED,
    EXIT_USAGE,
    fail,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.credentials import HOSPITAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.demo.client import Dmp
    from deploy.local.ingest.report import Report

PlacesArgument = Annotated[
    list[Path], typer.Argument(metavar="FOLDER|FILE...", help="Files, or folders of files.", exists=True)
]
ClientOption = Annotated[
    str, typer.Option("--as", metavar="CLIENT", help="The depositing software, a name from `dmp bootstrap`.")
]


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(ingest)


def ingest(  # noqa: PLR0913  # each is an option of the command line
    places: PlacesArgument,
    var: VarOption,
    client: ClientOption = HOSPITAL,
    parallel: Annotated[int, typer.Option("--parallel", min=1, max=64, help="Files on their way at once.")] = 8,
    wait: Annotated[
        int, typer.Option("--wait", min=0, max=30, metavar="SECONDS", help="Wait for each publication or refusal.")
    ] = 0,
    mllp: Annotated[
        str | None, typer.Option("--mllp", metavar="HOST:PORT", help="The MLLP listener for HL7 v2 messages.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="CSV", help="Where the report goes: by default in var/ingest.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send files of all kinds: CDAs, XDM archives, FHIR Bundles, mails with XDM archives, HL7 v2 messages.

    What a file is follows from its content. A run that was ended goes on where it was: what was accepted is remembered
    by its SHA-256 and not sent again; what was refused is tried again. The report is a line of CSV for each file.

    Exit codes: 0 all accepted, 1 some were refused or unusable (or the doors do not answer), 2 usage, 3 nothing runs, 4
    some were not sent.

    Examples:

    dmp ingest /srv/outbox --as hospital

    dmp ingest mail.eml report.xml results.hl7 --mllp 127.0.0.1:2575 --report report.csv
    """
    listener = _listener(mllp)
    folder, name = var / "ingest", re.sub(r"[^\w.-]", "_", client)
    path = report or folder / f"{name}-report.csv"

    async def send(dmp: "Dmp", installation: Mapping[str, Any]) -> "Report":
        from deploy.local.ingest.accepted import AcceptedFiles
        from deploy.local.ingest.report import Report
        from deploy.local.ingest.run import Ingestion, files_under

        session, files = session_for(dmp, installation, client), list(files_under(places))
        with AcceptedFiles(folder / f"{name}.sha256") as accepted, Report(path) as written, _progress(len(files)) as on:
            ingestion = Ingestion(session, accepted, written, listener, wait)
            await ingestion.send_all(files, parallel, lambda: on(written))
        return written

    _show(perform(var, send, "what was accepted is remembered: the same command goes on"), path, as_json)


def _listener(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        fail(EXIT_USAGE, f"--mllp {text}: write HOST:PORT, such as 127.0.0.1:2575")
    return host.strip("[]"), int(port)


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[Report], None]]":
    """Shows a progress bar on the error stream if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    from deploy.local.ingest.report import REFUSALS

    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("sending", total=total)

        def on_file(report: "Report") -> None:
            refused = report.count(*REFUSALS)
            bar.update(task, advance=1, description=f"{refused} refused" if refused else "none refused")

        yield on_file


def _show(report: "Report", path: Path, as_json: bool) -> None:
    from deploy.local.ingest.report import REFUSALS, Outcome

    summary = report.summary()
    if as_json:
        names = ("outcome", "cause", "count", "what_to_do")
        show_json({"report": str(path), "outcomes": [dict(zip(names, row, strict=True)) for row in summary]})
    else:
        show_table(("outcome", "cause", "number", "what to do"), summary, "there are no files")
        print(f"report: {path}", file=sys.stderr)
    if report.count(*REFUSALS):
        raise typer.Exit(EXIT_REFUSED)
    if report.count(Outcome.NOT_SENT):
        raise typer.Exit(EXIT_NOT_YET)
