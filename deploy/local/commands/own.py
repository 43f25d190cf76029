"""`dmp add` and `dmp label`: what a patient puts into the record, and who must not see what."""

import base64
import mimetypes
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

import typer

from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp
from deploy.local.commands.common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    RecordOption,
    leave,
    perform,
    show_json,
    show_table,
    someone,
)
from shared.fhir.write import IS_ARCHIVED

PATCH = {"content-type": "application/json-patch+json"}
_MASKED = {"coding": [{"code": "MASQUE_PS"}]}


class Change(StrEnum):
    """What becomes of a document."""

    MASK = "mask"
    UNMASK = "unmask"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    DELETE = "delete"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(add)
    app.command()(label)


def add(  # noqa: PLR0913  # each is an option of the command line
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="PDF, image or text.")],
    record: RecordOption,
    var: VarOption,
    type_code: Annotated[str, typer.Option("--type", help="EXPPAT_1 to 3, 74465-6, DOCPAT01 to 09.")] = "EXPPAT_2",
    title: Annotated[str | None, typer.Option("--title", help="Without it, the file's name.")] = None,
    masked: Annotated[bool, typer.Option("--masked", help="Hidden from professionals.")] = False,
    replaces: Annotated[UUID | None, typer.Option("--replaces", metavar="ID", help="One's own older document.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Add a document of one's own to a record, as its patient. The same file again is the same document.

    Exit codes: 0 published, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp add wishes.pdf --record UUID --type EXPPAT_1 --title "Mes volontés"
    """
    media_type = mimetypes.guess_type(file.name)[0]
    if media_type is None:
        leave(EXIT_USAGE, f"{file.name}: name the file by what it is, such as .pdf, .jpg or .txt")
    content = base64.b64encode(file.read_bytes()).decode()
    body: dict[str, Any] = {
        "title": title or file.stem,
        "type": type_code,
        "content_type": media_type,
        "content": content,
    }
    body |= {"masked": masked, "replaces": None if replaces is None else str(replaces)}
    path = f"/records/{record}/documents/{uuid5(record, type_code + content)}"

    async def put(dmp: Dmp, _: Mapping[str, Any]) -> dict[str, Any]:
        answer = await dmp.patient(record).call("PUT", "records", path, json=body, headers={"prefer": "wait=10"})
        found: dict[str, Any] = answer.json()["documents"][0]
        return found

    found = perform(var, put)
    if as_json:
        show_json(found)
    else:
        show_table(("document", "status", "reason"), [(found["document_id"], found["status"], found["reason"])], "")
    raise typer.Exit(0 if found["status"] == "published" else EXIT_REFUSED)


def label(
    document: Annotated[UUID, typer.Argument(metavar="ID", help="Of the document, as `dmp documents` tells it.")],
    change: Annotated[Change, typer.Argument(help="What becomes of it.")],
    var: VarOption,
    who: Annotated[str, typer.Option("--as", metavar="WHO", help="patient:RECORD, professional:ID, or a name.")],
) -> None:
    """Mask a document from professionals, archive or delete it, or take that back; in force with the answer.

    Exit codes: 0 done, 1 refused or not there, 2 usage, 3 nothing runs.

    Example: dmp label UUID mask --as patient:RECORD
    """

    async def patch(dmp: Dmp, found: Mapping[str, Any]) -> None:
        asker, path = someone(dmp, found, who), f"/fhir/DocumentReference/{document}"
        present = (await asker.call("GET", "records", path)).json()
        await asker.call("PATCH", "records", path, json=_operations(change, present), headers=PATCH)

    perform(var, patch)
    print(f"{document}: {change.value} is in force")


def _operations(change: Change, present: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The JSON Patch of what the document is now."""
    match change:
        case Change.MASK:
            return [{"op": "add", "path": "/securityLabel/-", "value": _MASKED}]
        case Change.UNMASK:
            left = [one for one in present["securityLabel"] if one["coding"][0]["code"] != "MASQUE_PS"]
            return [{"op": "replace", "path": "/securityLabel", "value": left}]
        case Change.ARCHIVE | Change.UNARCHIVE:
            extension = [{"url": IS_ARCHIVED, "valueBoolean": change is Change.ARCHIVE}]
            return [{"op": "replace", "path": "/extension", "value": extension}]
        case Change.DELETE:
            return [{"op": "replace", "path": "/status", "value": "entered-in-error"}]
