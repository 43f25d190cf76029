"""`dmp facts`: what the structured documents of a record say in codes, as a caller may see it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    WHO,
    RecordOption,
    perform,
    session_for,
    show_json,
    show_table,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, Session

HEADINGS: Final = ("when", "kind", "what", "value", "document")
_NAMES: Final = ("code", "medicationCodeableConcept", "vaccineCode", "suspectEntity", "relationship")
_VALUES: Final = ("valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean")


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command()(facts)


def facts(
    record: RecordOption,
    var: VarOption,
    who: Annotated[str | None, typer.Option("--as", metavar="WHO", help=f"{WHO} from `dmp bootstrap`.")] = None,
    kind: Annotated[list[str] | None, typer.Option("--kind", help="Only these kinds, such as result, allergy.")] = None,
    code: Annotated[str | None, typer.Option("--code", help="What it is about: code, or system|code.")] = None,
    document: Annotated[UUID | None, typer.Option("--document", help="Only of this document version.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the facts of a record, as a caller sees them; without --as, the patient is the caller.

    A fact is read out of a structured document (CDA N3), some seconds after its publication (`dmp track`).

    Exit codes: 0 listed, 1 refused, 3 nothing runs.

    Examples:

    dmp facts --record UUID

    dmp facts --record UUID --as doctor --kind result --code 2345-7
    """
    filters: list[tuple[str, str]] = [("kind", each) for each in kind or ()]
    filters += [("code", code)] if code else []
    filters += [("document", str(document))] if document else []

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> list[dict[str, Any]]:
        session = dmp.patient(str(record)) if who is None else session_for(dmp, installation, who)
        return await _entries(session, f"/records/{record}/facts?{urlencode(filters)}")

    entries = perform(var, look)
    if as_json:
        show_json([entry["resource"] for entry in entries])
        return
    documents = {
        entry["resource"]["target"][0]["reference"]: entry["resource"]["entity"][0]["what"]["reference"]
        for entry in entries
        if entry["search"]["mode"] == "include"
    }
    listed = [entry["resource"] for entry in entries if entry["search"]["mode"] == "match"]
    show_table(HEADINGS, [_cells(resource, documents) for resource in listed], "no visible fact")


async def _entries(session: Session, path: str) -> list[dict[str, Any]]:
    """Returns the entries of all pages."""
    entries: list[dict[str, Any]] = []
    following: str | None = path
    while following is not None:
        bundle = (await session.call("GET", "records", following)).json()
        entries += bundle.get("entry", [])
        urls = [urlsplit(link["url"]) for link in bundle["link"] if link["relation"] == "next"]
        following = f"{urls[0].path}?{urls[0].query}" if urls else None
    return entries


def _cells(resource: Mapping[str, Any], documents: Mapping[str, str]) -> tuple[object, ...]:
    kind = resource["resourceType"]
    source = documents.get(f"{kind}/{resource['id']}", "").partition("/")[2]
    return (_time(resource), kind, _name(resource), _value(resource), source)


def _time(resource: Mapping[str, Any]) -> str:
    """Returns the moment, or the start of the period, as the document states it."""
    for member, value in resource.items():
        if member.endswith("DateTime"):
            return str(value)
        if member.endswith("Period"):
            return str(value.get("start", ""))
    return ""


def _name(resource: Mapping[str, Any]) -> str:
    named: Any = next((resource[name] for name in _NAMES if name in resource), {})
    concept: Mapping[str, Any] = named[0].get("instance", {}) if isinstance(named, list) else named
    codings = concept.get("coding", [])
    labels = [str(coding.get("display") or coding.get("code")) for coding in codings]
    return next(iter(labels), str(concept.get("text") or concept.get("display") or ""))


def _value(resource: Mapping[str, Any]) -> str:
    value = next((resource[name] for name in _VALUES if name in resource), None)
    if not isinstance(value, dict):
        return "" if value is None else str(value)
    if "coding" in value or "text" in value:
        return _name({"code": value})
    return f"{value.get('comparator', '')}{value.get('value', '')} {value.get('unit', '')}".strip()
