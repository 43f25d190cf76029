"""`dmp documents`, `dmp get` and `dmp accesses`: the documents of a record, and the list of accesses."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_USAGE,
    WHO,
    AsPatientOption,
    RecordOption,
    WhoOption,
    fail,
    moment,
    patient_session,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.commands.people import OidOption
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.action_labels import action_label
from deploy.local.demo.client import Dmp, Session
from deploy.local.platform.errors import LocalError
from shared.terminology.oids import INS_NIR_TEST

HEADINGS = ("document", "title", "type", "labels", "created", "content", "bytes")
_PAGE = 100


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    for command in (documents, get, accesses):
        app.command()(command)


def documents(  # noqa: PLR0913  # each is an option of the command line
    var: VarOption,
    record: Annotated[UUID | None, typer.Option("--record", metavar="UUID", help="Id of the record.")] = None,
    ins: Annotated[str | None, typer.Option("--ins", help="Or the person's INS.")] = None,
    oid: OidOption = INS_NIR_TEST,
    who: Annotated[str | None, typer.Option("--as", metavar="WHO", help=f"{WHO} from `dmp bootstrap`.")] = None,
    rubric: Annotated[str | None, typer.Option("--rubric", help="Only these rubrics (`dmp rubrics`).")] = None,
    period: Annotated[
        list[str] | None, typer.Option("--period", help="Only this day, month or year of care: 2026-03, ge2026-01.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Only titles with these words.")] = None,
    by_care: Annotated[bool, typer.Option("--by-care", help="The newest day of care first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the documents of a record that the caller may see; without --as, the patient is the caller.

    Exit codes: 0 listed, 1 refused, 2 usage, 3 nothing runs.

    Examples:

    dmp documents --record UUID

    dmp documents --ins 255069999999934 --as doctor

    dmp documents --record UUID --rubric laboratory --period ge2025-01 --period lt2026-07 --by-care
    """
    if (record is None) == (ins is None):
        fail(EXIT_USAGE, "give either --record or --ins")
    if who is None and record is None:
        fail(EXIT_USAGE, "with --ins, name the caller: --as doctor, --as professional:ID, --as patient:RECORD")
    patient = str(record) if record is not None else f"urn:oid:{oid}|{ins}"
    name = "patient" if record is not None else "patient.identifier"
    filters = {"rubric": rubric, "period": period, "title": title, "_sort": "-period" if by_care else None}
    query = {name: patient, "status": "current"} | {key: value for key, value in filters.items() if value}

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> list[dict[str, Any]]:
        session = dmp.patient(str(record)) if who is None else session_for(dmp, installation, who)
        return await search(session, query)

    resources = perform(var, look)
    if as_json:
        show_json(resources)
        return
    show_table(HEADINGS, [document_row(resource) for resource in resources], "no visible document")


def get(
    document: Annotated[UUID, typer.Argument(metavar="ID", help="Id of the document, from `dmp documents`.")],
    var: VarOption,
    who: WhoOption,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="A file; default: standard output.")
    ] = None,
) -> None:
    """Read a document: write the deposited bytes to a file or to standard output. The ledger records the access.

    Exit codes: 0 read, 1 refused or no such document, 3 nothing runs.

    Examples:

    dmp get UUID --as patient:RECORD -o letter.xml

    dmp get UUID --as doctor
    """

    async def read(dmp: Dmp, installation: Mapping[str, Any]) -> bytes:
        return (await session_for(dmp, installation, who).call("GET", "records", f"/fhir/Binary/{document}")).content

    write_content(perform(var, read), output)


def accesses(
    record: RecordOption,
    var: VarOption,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, the newest first.")] = 50,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the accesses to a record, refusals included, as its patient sees them.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp accesses --record UUID --limit 20
    """
    lines = perform(
        var,
        lambda dmp, installation: _accesses(patient_session(dmp, installation, record, who), record, limit),
    )
    if as_json:
        show_json(lines)
        return
    show_table(
        ("when", "who", "action", "subject", "outcome", "reason"),
        [_access(line) for line in lines],
        "no access yet: the ledger may be a moment behind",
    )


async def search(session: Session, query: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the resources of all pages. The INS is sent in a form, never in a URL."""
    form = {**query, "_count": str(_PAGE)}
    answer = await session.call("POST", "records", "/fhir/DocumentReference/_search", data=form)
    listed: list[dict[str, Any]] = []
    while True:
        bundle = answer.json()
        resources = [entry["resource"] for entry in bundle.get("entry", [])]
        listed += [resource for resource in resources if resource["resourceType"] != "OperationOutcome"]
        next_url = next((link["url"] for link in bundle.get("link", []) if link["relation"] == "next"), None)
        if next_url is None:
            return listed
        base = session.urls["records"]
        if not next_url.startswith(base):
            raise LocalError("the next page of the search is on another server: it is not requested")
        answer = await session.call("GET", "records", next_url.removeprefix(base))


def write_content(content: bytes, output: Path | None) -> None:
    """Writes a document to the file, or to standard output."""
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    output.write_bytes(content)
    print(f"{len(content)} bytes in {output}", file=sys.stderr)


async def _accesses(patient: Session, record: UUID, limit: int) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = []
    before: str | None = None
    while len(listed) < limit:
        query: dict[str, Any] = {"limit": min(200, limit - len(listed))} | ({"before": before} if before else {})
        page = (await patient.call("GET", "audit", f"/records/{record}/accesses", params=query)).json()
        listed += page["accesses"]
        before = page["next"]
        if before is None:
            break
    return listed


def document_row(resource: Mapping[str, Any]) -> tuple[object, ...]:
    """Returns the cells of a document under HEADINGS: its type's code stands with its label."""
    attachment = resource["content"][0]["attachment"]
    labels = [label["coding"][0]["code"] for label in resource["securityLabel"]]
    kind = resource["type"]["coding"][0]
    return (
        resource["id"],
        attachment.get("title"),
        " ".join(filter(None, (kind["code"], kind.get("display")))),
        " ".join(labels),
        moment(attachment.get("creation")),
        attachment.get("contentType"),
        attachment.get("size"),
    )


def _access(line: Mapping[str, Any]) -> tuple[object, ...]:
    who, subject = line["who"], line.get("subject") or {}
    about = _named(subject) or line.get("document_id")
    times = f", {line['times']} times" if line.get("times", 1) > 1 else ""
    return (
        moment(line["occurred_at"]),
        "the patient" if who["you"] else _named(who) or who["kind"],
        action_label(line["action"], line["mode"]),
        about,
        line["outcome"] + times,
        line["reason"],
    )


def _named(holder: Mapping[str, Any]) -> str | None:
    """Returns number and name, as far as they are known."""
    return " ".join(filter(None, (holder.get("id"), holder.get("name")))) or None
