"""`dmp deposit`, `dmp track` and `dmp deposits` for hospitals."""

import asyncio
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    EXIT_REFUSED,
    SecondsOption,
    after,
    moment,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.commands.people import OidOption
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.cli.waiting import say
from deploy.local.demo.client import FHIR, Dmp, RefusedError, Session
from deploy.local.demo.credentials import HOSPITAL
from deploy.local.demo.polling import STATIONS, is_done
from deploy.local.demo.submission import StatedMetadata, UnusableFileError, bundle_of
from shared.terminology.oids import INS_NIR_TEST
from shared.terminology.visibility import Visibility

_POLL_INTERVAL_S = 0.05
ClientOption = Annotated[
    str, typer.Option("--as", metavar="CLIENT", help="The depositing software, a name from `dmp bootstrap`.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(deposit)
    app.command()(track)
    app.command()(deposits)


def deposit(  # noqa: PLR0913  # each is an option of the command line
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CDA (XML), PDF, or FHIR Bundle (JSON).")],
    var: VarOption,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until each is done, ledger and alert included.")] = False,
    seconds: SecondsOption = 30,
    client: ClientOption = HOSPITAL,
    ins: Annotated[str | None, typer.Option("--ins", help="INS of a PDF's patient.")] = None,
    oid: OidOption = INS_NIR_TEST,
    type_code: Annotated[
        str | None, typer.Option("--type", help="Type of a PDF: LOINC or TRE_A05, such as 11490-0.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Title of a PDF.")] = None,
    visibility: Annotated[list[Visibility] | None, typer.Option("--visibility", help="From whom to hide it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Deposit documents: CDA files (with the metadata of their header), PDF files (--ins --type --title) or Bundles.

    Depositing a file again repeats its deposit and changes nothing. A Bundle is sent unchanged.

    Exit codes: 0 all accepted (with --wait: published), 1 one was refused, 2 usage, 3 nothing runs, 4 not done in time,
    130 interrupted: the line says what was accepted.

    Examples:

    dmp deposit letter.xml --wait

    dmp deposit scan.pdf --ins 255069999999934 --type 11490-0 --title "Lettre de liaison"

    dmp deposit *.xml --as second-hospital --json
    """
    metadata = StatedMetadata(ins, oid, type_code, title, tuple(label.value for label in visibility or ()))
    deposits, seconds = DepositRun(client, list(files)), seconds if wait else 0
    rows = perform(
        var,
        lambda dmp, installation: _deposit_all(dmp, installation, deposits, metadata, seconds),
        deposits.interrupted,
    )
    if as_json:
        show_json(rows)
    else:
        _show(rows)
    raise typer.Exit(exit_code(rows, wait))


def track(
    deposit_id: Annotated[UUID, typer.Argument(metavar="ID", help="Id of the deposit, from `dmp deposit`.")],
    var: VarOption,
    client: ClientOption = HOSPITAL,
    as_json: JsonOption = False,
) -> None:
    """Show the progress of a client's own deposit: received, checked, published or refused, in the ledger, alerted.

    Exit codes: 0 shown (whatever its outcome), 1 refused or unknown, 3 nothing runs.

    Example: dmp track 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        answer = await session_for(dmp, installation, client).call("GET", "records", f"/deposits/{deposit_id}")
        progress: dict[str, Any] = answer.json()
        return progress

    progress = perform(var, look)
    if as_json:
        show_json(progress)
        return
    show_table(
        ("document", "status", "reason", "received", "checked", "decided", "in the ledger", "alert handled", "facts"),
        [_stations(document) for document in progress["documents"]],
        "this deposit has no documents",
    )


@dataclass
class DepositRun:
    """The deposits of one command: those accepted by file, and the files that were sent or not yet."""

    client: str
    waiting: list[Path]
    sent: Path | None = None
    accepted: dict[Path, str] = field(default_factory=dict)

    def interrupted(self) -> str:
        """Returns what was taken before Ctrl-C, and how to follow it."""
        suffix = "" if self.client == HOSPITAL else f" --as {self.client}"
        parts = [
            f"{path.name} is accepted as deposit {id} and goes on; follow it with `dmp track {id}{suffix}`"
            for path, id in self.accepted.items()
        ]
        if self.sent is not None:
            parts.append(f"{self.sent.name} may be accepted: deposit it again, a second time changes nothing")
        if self.waiting:
            parts.append(f"not sent: {', '.join(path.name for path in self.waiting)}")
        return "; ".join(parts) or "nothing was sent"


def deposits(
    var: VarOption,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Default: a day ago.")
    ] = None,
    client: ClientOption = HOSPITAL,
    as_json: JsonOption = False,
) -> None:
    """List a client's own deposits since a moment, the oldest first.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp deposits --from 2026-11-22 --as hospital
    """
    start = since.astimezone() if since else datetime.now().astimezone() - timedelta(days=1)

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> list[dict[str, Any]]:
        software = session_for(dmp, installation, client)
        listed: list[dict[str, Any]] = []
        path: str | None = f"/deposits?{urlencode({'since': start.isoformat()})}"
        while path is not None:
            page = (await software.call("GET", "records", path)).json()
            listed += page["deposits"]
            path = page["next"]
        return listed

    listed = perform(var, look)
    if as_json:
        show_json(listed)
        return
    rows = [
        (progress["deposit_id"], moment(progress["received_at"]), document["document_id"], document["status"])
        for progress in listed
        for document in progress["documents"]
    ]
    show_table(("deposit", "received", "document", "status"), rows, "no deposit since then")


async def _deposit_all(
    dmp: Dmp, installation: Mapping[str, Any], run: DepositRun, metadata: StatedMetadata, seconds: float
) -> list[dict[str, Any]]:
    software = session_for(dmp, installation, run.client)
    organisation = installation.get("credentials", {}).get(run.client, {}).get("organisation_id")
    metadata = replace(metadata, organisation_id=organisation)
    rows, count = [], len(run.waiting)
    while run.waiting:
        row = await _deposit(software, run, metadata, seconds)
        rows.append(row)
        if count > 1:
            reason = f" ({row['reason']})" if row["reason"] else ""
            say(f"  {len(rows)}/{count}  {Path(row['file']).name}: {row['status']}{reason}")
    return rows


async def _deposit(software: Session, run: DepositRun, metadata: StatedMetadata, seconds: float) -> dict[str, Any]:
    """Deposits the next file. Returns its outcome as a row; a refusal is a row, not an error."""
    path = run.waiting.pop(0)
    row: dict[str, Any] = {"file": str(path), "status": "refused", "reason": None, "detail": None, "deposit_id": None}
    started = time.monotonic()
    try:
        body = await asyncio.to_thread(bundle_of, path, metadata)
        run.sent = path
        answer = await software.call("POST", "records", "/fhir", content=body, headers=FHIR)
    except UnusableFileError as error:
        return row | {"status": "unusable", "reason": "file-unusable", "detail": str(error)}
    except RefusedError as error:
        run.sent = None
        return row | {"reason": error.code, "detail": error.detail}
    place = answer.headers["location"]
    run.sent, run.accepted[path] = None, place.rpartition("/")[2]
    progress = await _follow(software, place, seconds, path.name)
    reasons = [document["reason"] for document in progress["documents"] if document["status"] == "refused"]
    statuses = {document["status"] for document in progress["documents"]}
    status = "refused" if "refused" in statuses else "received" if "received" in statuses else "published"
    return row | {
        "status": status,
        "reason": reasons[0] if reasons else None,
        "deposit_id": progress["deposit_id"],
        "documents": progress["documents"],
        "done": all(is_done(document) for document in progress["documents"]),
        "seconds": round(time.monotonic() - started, 3),
    }


async def _follow(software: Session, place: str, seconds: float, name: str) -> dict[str, Any]:
    """Waits until the deposit is done or the time is over, with a line for each station. Returns its tracking."""
    deadline, reported = time.monotonic() + seconds, set[tuple[str, str]]()
    while True:
        progress: dict[str, Any] = (await software.call("GET", "records", place)).json()
        if seconds:
            _report_stations(progress, reported, name)
        if all(is_done(document) for document in progress["documents"]) or time.monotonic() >= deadline:
            return progress
        await asyncio.sleep(_POLL_INTERVAL_S)


def _report_stations(progress: Mapping[str, Any], reported: set[tuple[str, str]], name: str) -> None:
    if not reported:
        say(f"{name}: accepted as deposit {progress['deposit_id']}")
        reported.add(("", ""))
    for document in progress["documents"]:
        which = name if len(progress["documents"]) == 1 else f"{name}, document {document['document_id']}"
        for station, words in STATIONS.items():
            if document.get(station) and (document["document_id"], station) not in reported:
                reported.add((document["document_id"], station))
                say(f"{which}: {words}")


def exit_code(rows: list[dict[str, Any]], wait: bool) -> int:
    """Returns the exit code of the command for these deposits."""
    if any(row["status"] in ("refused", "unusable") for row in rows):
        return EXIT_REFUSED
    return EXIT_NOT_YET if wait and not all(row["done"] for row in rows) else 0


def _show(rows: list[dict[str, Any]]) -> None:
    cells = []
    for row in rows:
        first = (row.get("documents") or [{}])[0]
        took = after(first["received_at"], first["alert_handled_at"]) if first.get("alert_handled_at") else None
        cells.append((Path(row["file"]).name, row["status"], row["reason"], row["deposit_id"], took))
    show_table(("file", "status", "reason", "deposit", "alert handled after"), cells, "nothing was deposited")
    for row in rows:
        if row["detail"]:
            name = Path(row["file"]).name
            print(f"{name}: {row['detail'].removeprefix(f'{name}: ')}", file=sys.stderr)


def _stations(document: Mapping[str, Any]) -> tuple[object, ...]:
    start = document["received_at"]
    decided = document["published_at"] or document["refused_at"]
    times = (document["checked_at"], decided, document["audited_at"], document["alert_handled_at"])
    return (
        document["document_id"],
        document["status"],
        document["reason"],
        start,
        *(after(start, moment_reached) for moment_reached in times),
        (document["facts"] or {}).get("state"),
    )
