"""`dmp add` and `dmp label`: a patient's own documents, and the labels of documents."""

import base64
import mimetypes
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

import typer

from deploy.local.cli.commands.common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    AsPatientOption,
    RecordOption,
    WhoOption,
    check_value,
    fail,
    patient_session,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from shared.fhir.write import IS_ARCHIVED
from shared.terminology.documents import document_types

PATCH = {"content-type": "application/json-patch+json"}
_MASKED = {"coding": [{"code": "MASQUE_PS"}]}


class Change(StrEnum):
    """A change of a document's labels or status."""

    MASK = "mask"
    UNMASK = "unmask"
    ARCHIVE = "archive"
    UNARCHIVE = "unarchive"
    DELETE = "delete"


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command()(add)
    app.command()(label)


def add(  # noqa: PLR0913  # each is an option of the command line
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="PDF, image or text.")],
    record: RecordOption,
    var: VarOption,
    type_code: Annotated[str, typer.Option("--type", help="EXPPAT_1 to 3, 74465-6, DOCPAT01 to 09.")] = "EXPPAT_2",
    title: Annotated[str | None, typer.Option("--title", help="Default: the file's name.")] = None,
    masked: Annotated[bool, typer.Option("--masked", help="Hide it from professionals.")] = False,
    replaces: Annotated[UUID | None, typer.Option("--replaces", metavar="ID", help="An own older document.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a patient's own document to a record, as its patient. Adding a file again changes nothing.

    Exit codes: 0 published, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp add wishes.pdf --record UUID --type EXPPAT_1 --title "Mes volontés"
    """
    media_type = mimetypes.guess_type(file.name)[0]
    check_value("--type", type_code, own_types())
    if media_type is None:
        fail(EXIT_USAGE, f"{file.name}: give the file an ending that names its type, such as .pdf, .jpg or .txt")
    content = base64.b64encode(file.read_bytes()).decode()
    body: dict[str, Any] = {
        "title": title or file.stem,
        "type": type_code,
        "content_type": media_type,
        "content": content,
    }
    body |= {"masked": masked, "replaces": None if replaces is None else str(replaces)}
    path = f"/records/{record}/documents/{uuid5(record, type_code + content)}"

    async def put(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        patient = patient_session(dmp, installation, record, who)
        answer = await patient.call("PUT", "records", path, json=body, headers={"prefer": "wait=10"})
        document: dict[str, Any] = answer.json()["documents"][0]
        return document

    document = perform(var, put, "the document may have been added: repeating the command adds it once")
    if as_json:
        show_json(document)
    else:
        show_table(
            ("document", "status", "reason"), [(document["document_id"], document["status"], document["reason"])], ""
        )
    raise typer.Exit(0 if document["status"] == "published" else EXIT_REFUSED)


def label(
    document: Annotated[UUID, typer.Argument(metavar="ID", help="Id of the document, from `dmp documents`.")],
    change: Annotated[Change, typer.Argument(help="The change.")],
    var: VarOption,
    who: WhoOption,
) -> None:
    """Mask a document from professionals, archive or delete it, or revert that. It is in force when the command ends.

    Exit codes: 0 done, 1 refused or no such document, 2 usage, 3 nothing runs.

    Example: dmp label UUID mask --as patient:RECORD
    """

    async def patch(dmp: Dmp, installation: Mapping[str, Any]) -> None:
        session, path = session_for(dmp, installation, who), f"/fhir/DocumentReference/{document}"
        present = (await session.call("GET", "records", path)).json()
        await session.call("PATCH", "records", path, json=_operations(change, present), headers=PATCH)

    perform(var, patch)
    print(f"{document}: {change.value} is in force")


def own_types() -> list[str]:
    """Returns the document types that a patient may add: class 90 and the DOCPAT codes."""
    return [code for code, kind in document_types().items() if kind.class_code == "90" or code.startswith("DOCPAT")]


def _operations(change: Change, present: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the JSON Patch (RFC 6902) that makes the change to the document's present state."""
    match change:
        case Change.MASK:
            return [{"op": "add", "path": "/securityLabel/-", "value": _MASKED}]
        case Change.UNMASK:
            left = [
                security_label
                for security_label in present["securityLabel"]
                if security_label["coding"][0]["code"] != "MASQUE_PS"
            ]
            return [{"op": "replace", "path": "/securityLabel", "value": left}]
        case Change.ARCHIVE | Change.UNARCHIVE:
            extension = [{"url": IS_ARCHIVED, "valueBoolean": change is Change.ARCHIVE}]
            return [{"op": "replace", "path": "/extension", "value": extension}]
        case Change.DELETE:
            return [{"op": "replace", "path": "/status", "value": "entered-in-error"}]
