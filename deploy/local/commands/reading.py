"""`dmp documents`, `dmp get`, `dmp accesses`: what is in a record, and who did what."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp, Session
from deploy.local.commands.common import (
    EXIT_USAGE,
    RecordOption,
    leave,
    moment,
    perform,
    show_json,
    show_table,
    someone,
)
from deploy.local.deeds import deed
from deploy.local.errors import LocalError
from shared.terminology.oids import INS_NIR_TEST

WhoOption = Annotated[
    str | None,
    typer.Option("--as", metavar="WHO", help="patient:RECORD, professional:ID, or a name of `dmp bootstrap`."),
]
_PAGE = 100


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (documents, get, accesses):
        app.command()(command)


def documents(
    var: VarOption,
    record: Annotated[UUID | None, typer.Option("--record", metavar="UUID", help="The record's id.")] = None,
    ins: Annotated[str | None, typer.Option("--ins", help="Or the person's number.")] = None,
    oid: Annotated[str, typer.Option("--oid", help="What the number is under.")] = INS_NIR_TEST,
    who: WhoOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the documents of a record that whoever asks may see; without --as, the patient asks.

    Exit codes: 0 listed, 1 refused, 2 usage, 3 nothing runs.

    Examples:

    dmp documents --record UUID

    dmp documents --ins 255069999999934 --as doctor
    """
    if (record is None) == (ins is None):
        leave(EXIT_USAGE, "give --record or --ins, one of them")
    if who is None and record is None:
        leave(EXIT_USAGE, "with --ins, say who asks: --as doctor, --as professional:ID, --as patient:RECORD")
    patient = str(record) if record is not None else f"urn:oid:{oid}|{ins}"
    name = "patient" if record is not None else "patient.identifier"
    query = {name: patient, "status": "current", "_count": str(_PAGE)}
    found = perform(var, lambda dmp, said: _search(_asking(dmp, said, who, record), query))
    if as_json:
        show_json(found)
        return
    rows = [_row(one) for one in found]
    show_table(("document", "title", "type", "labels", "created", "content", "bytes"), rows, "no document to be seen")


def get(
    document: Annotated[UUID, typer.Argument(metavar="ID", help="Of the document, as `dmp documents` tells it.")],
    var: VarOption,
    who: Annotated[str, typer.Option("--as", metavar="WHO", help="patient:RECORD, professional:ID, or a name.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", dir_okay=False, help="A file; without it, standard output.")
    ] = None,
) -> None:
    """Read one document: its bytes, as they were deposited. The reading is entered in the ledger.

    Exit codes: 0 read, 1 refused or not there, 3 nothing runs.

    Examples:

    dmp get UUID --as patient:RECORD -o letter.xml

    dmp get UUID --as doctor
    """

    async def read(dmp: Dmp, found: Mapping[str, Any]) -> bytes:
        return (await someone(dmp, found, who).call("GET", "records", f"/fhir/Binary/{document}")).content

    content = perform(var, read)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    output.write_bytes(content)
    print(f"{len(content)} bytes in {output}", file=sys.stderr)


def accesses(
    record: RecordOption,
    var: VarOption,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List who did what with a record, refusals included, as its patient sees it.

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Example: dmp accesses --record UUID --limit 20
    """
    found = perform(var, lambda dmp, _: _accesses(dmp.patient(record), record, limit))
    if as_json:
        show_json(found)
        return
    show_table(
        ("when", "who", "did what", "about", "outcome", "why"),
        [_access(one) for one in found],
        "nothing yet: the ledger may be a moment behind",
    )


def _asking(dmp: Dmp, found: Mapping[str, Any], who: str | None, record: UUID | None) -> Session:
    return dmp.patient(str(record)) if who is None else someone(dmp, found, who)


async def _search(asking: Session, query: dict[str, str]) -> list[dict[str, Any]]:
    """All pages. The number goes in a form, never in a URL."""
    answer = await asking.call("POST", "records", "/fhir/DocumentReference/_search", data=query)
    listed: list[dict[str, Any]] = []
    while True:
        bundle = answer.json()
        listed += [
            one["resource"] for one in bundle.get("entry", []) if one["resource"]["resourceType"] != "OperationOutcome"
        ]
        following = next((one["url"] for one in bundle.get("link", []) if one["relation"] == "next"), None)
        if following is None:
            return listed
        base = asking.urls["records"]
        if not following.startswith(base):
            raise LocalError("the next page of the search is somewhere else than the first: not followed")
        answer = await asking.call("GET", "records", following.removeprefix(base))


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


def _row(resource: Mapping[str, Any]) -> tuple[object, ...]:
    attachment = resource["content"][0]["attachment"]
    labels = [one["coding"][0]["code"] for one in resource["securityLabel"]]
    kind = resource["type"]["coding"][0]
    return (
        resource["id"],
        attachment.get("title"),
        kind["code"],
        " ".join(labels),
        moment(attachment.get("creation")),
        attachment.get("contentType"),
        attachment.get("size"),
    )


def _access(line: Mapping[str, Any]) -> tuple[object, ...]:
    who, subject = line["who"], line.get("subject") or {}
    about = subject.get("name") or subject.get("id") or line.get("document_id")
    times = f", {line['times']} times" if line.get("times", 1) > 1 else ""
    return (
        moment(line["occurred_at"]),
        "the patient" if who["you"] else who["name"] or who["id"] or who["kind"],
        deed(line["action"], line["mode"]),
        about,
        line["outcome"] + times,
        line["reason"],
    )
