"""`dmp deposit` and `dmp track` for hospitals, `dmp lost-deposits` for operators."""

import asyncio
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_NOT_YET,
    EXIT_REFUSED,
    EXIT_USAGE,
    SecondsOption,
    after,
    fail,
    moment,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.bootstrap import HOSPITAL, OPERATOR
from deploy.local.demo.client import FHIR, Dmp, RefusedError, Session
from deploy.local.demo.polling import is_done
from deploy.local.demo.submission import VISIBILITIES, StatedMetadata, UnusableFileError, bundle_of
from shared.terminology.oids import INS_NIR_TEST

_POLL_INTERVAL_S = 0.05
ClientOption = Annotated[
    str, typer.Option("--as", metavar="CLIENT", help="The depositing software, a name from `dmp bootstrap`.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(deposit)
    app.command()(track)
    app.command("lost-deposits")(lost_deposits)


def lost_deposits(var: VarOption, as_json: JsonOption = False) -> None:
    """List accepted deposits whose content a failure of records' database has lost: their senders must repeat them.

    Exit codes: 0 listed, 1 records does not answer, 3 nothing runs.

    Example: dmp lost-deposits --json
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> list[dict[str, Any]]:
        operator = session_for(dmp, installation, OPERATOR)
        lost: list[dict[str, Any]] = (await operator.call("GET", "records", "/lost-deposits")).json()
        return lost

    lost = perform(var, look)
    if as_json:
        show_json(lost)
    else:
        rows = [
            (
                lost_deposit["deposit_id"],
                lost_deposit["organisation_id"],
                moment(lost_deposit["received_at"]),
                lost_deposit["documents"],
            )
            for lost_deposit in lost
        ]
        show_table(("deposit", "organisation", "received", "documents"), rows, "no deposit is lost")


def deposit(  # noqa: PLR0913  # each is an option of the command line
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CDA (XML), PDF, or FHIR Bundle (JSON).")],
    var: VarOption,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until each is done, ledger and alert included.")] = False,
    seconds: SecondsOption = 30,
    client: ClientOption = HOSPITAL,
    ins: Annotated[str | None, typer.Option("--ins", help="INS of a PDF's patient.")] = None,
    oid: Annotated[str, typer.Option("--oid", help="OID of the INS.")] = INS_NIR_TEST,
    type_code: Annotated[
        str | None, typer.Option("--type", help="Type of a PDF: LOINC or TRE_A05, such as 11490-0.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Title of a PDF.")] = None,
    visibility: Annotated[list[str] | None, typer.Option("--visibility", help=f"{', '.join(VISIBILITIES)}.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Deposit documents: CDA files (with the metadata of their header), PDF files (--ins --type --title) or Bundles.

    Depositing a file again repeats its deposit and changes nothing. A Bundle is sent unchanged.

    Exit codes: 0 all accepted (with --wait: published), 1 one was refused, 2 usage, 3 nothing runs, 4 not done in time.

    Examples:

    dmp deposit letter.xml --wait

    dmp deposit scan.pdf --ins 255069999999934 --type 11490-0 --title "Lettre de liaison"

    dmp deposit *.xml --as second-hospital --json
    """
    for label in visibility or ():
        if label not in VISIBILITIES:
            fail(EXIT_USAGE, f"--visibility {label} is unknown: choose one of {', '.join(VISIBILITIES)}")
    metadata = StatedMetadata(ins, oid, type_code, title, tuple(visibility or ()))
    rows = perform(
        var, lambda dmp, installation: _deposit_all(dmp, installation, files, metadata, client, seconds if wait else 0)
    )
    if as_json:
        show_json(rows)
    else:
        _show(rows)
    raise typer.Exit(_exit_code(rows, wait))


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
        ("document", "status", "reason", "received", "checked", "decided", "in the ledger", "alert handled"),
        [_stations(document) for document in progress["documents"]],
        "this deposit has no documents",
    )


async def _deposit_all(
    dmp: Dmp, installation: Mapping[str, Any], files: list[Path], metadata: StatedMetadata, client: str, seconds: float
) -> list[dict[str, Any]]:
    software = session_for(dmp, installation, client)
    organisation = installation.get("credentials", {}).get(client, {}).get("organisation_id")
    metadata = StatedMetadata(
        metadata.ins, metadata.oid, metadata.type, metadata.title, metadata.visibility, organisation
    )
    rows = []
    for number, path in enumerate(files, 1):
        row = await _deposit(software, path, metadata, seconds)
        rows.append(row)
        if len(files) > 1:
            reason = f" ({row['reason']})" if row["reason"] else ""
            print(f"  {number}/{len(files)}  {path.name}: {row['status']}{reason}", file=sys.stderr, flush=True)
    return rows


async def _deposit(software: Session, path: Path, metadata: StatedMetadata, seconds: float) -> dict[str, Any]:
    """Deposits one file. Returns its outcome as a row; a refusal is a row, not an error."""
    row: dict[str, Any] = {"file": str(path), "status": "refused", "reason": None, "detail": None, "deposit_id": None}
    started = time.monotonic()
    try:
        body = await asyncio.to_thread(bundle_of, path, metadata)
        answer = await software.call("POST", "records", "/fhir", content=body, headers=FHIR)
    except UnusableFileError as error:
        return row | {"status": "unusable", "reason": "file-unusable", "detail": str(error)}
    except RefusedError as error:
        return row | {"reason": error.code, "detail": error.detail}
    place = answer.headers["location"]
    progress = await _follow(software, place, seconds)
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


async def _follow(software: Session, place: str, seconds: float) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        progress: dict[str, Any] = (await software.call("GET", "records", place)).json()
        if all(is_done(document) for document in progress["documents"]) or time.monotonic() >= deadline:
            return progress
        await asyncio.sleep(_POLL_INTERVAL_S)


def _exit_code(rows: list[dict[str, Any]], wait: bool) -> int:
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
    )
