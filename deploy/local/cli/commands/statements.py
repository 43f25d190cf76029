"""`dmp statements` and `dmp personal-space`: what a patient states, and all that the personal space holds."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID, uuid4

import typer

from deploy.local.cli.commands.common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    AsPatientOption,
    RecordOption,
    check_value,
    fail,
    patient_session,
    perform,
    show_json,
    show_table,
)
from deploy.local.cli.commands.measures import show_trends
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp, RefusedError, Session
from shared.terminology.statements import FORMS, ORGAN_DONATION, statement_kinds

_COLUMNS = ("form", "kind", "statement", "since", "declared by", "document")


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    group = typer.Typer(
        help="What a patient states: health profile, wishes, advance directives, notes.", no_args_is_help=True
    )
    group.command("put")(put)
    group.command("show")(show)
    app.add_typer(group, name="statements")
    app.command("personal-space")(personal_space)


def put(  # noqa: PLR0913  # each is an option of the command line
    form: Annotated[str, typer.Argument(metavar="FORM", help=", ".join(FORMS))],
    record: RecordOption,
    var: VarOption,
    statements: Annotated[
        list[str],
        typer.Option("--state", metavar="KIND:TEXT[:SINCE]", help="Repeat it; of organ-donation agrees or refuses."),
    ],
    replaces: Annotated[UUID | None, typer.Option("--replaces", metavar="ID", help="An own earlier document.")] = None,
    masked: Annotated[bool, typer.Option("--masked", help="Hide it from professionals.")] = False,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """State something, as a record's patient: a form with all its statements. It proposes and confirms nothing.

    Exit codes: 0 published, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp statements put health-profile --record UUID --state allergy:Amoxicilline:2011
    """
    check_value("FORM", form, FORMS)
    body = {"form": form, "statements": [_statement(form, text) for text in statements], "masked": masked}
    body |= {"replaces": None if replaces is None else str(replaces)}
    path = f"/records/{record}/statements/{uuid4()}"

    async def send(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        answer = await session.call("PUT", "records", path, json=body, headers={"prefer": "wait=10"})
        document: dict[str, Any] = answer.json()["documents"][0]
        return document

    document = perform(var, send)
    if as_json:
        show_json(document)
    else:
        row = (document["document_id"], document["status"], document["reason"])
        show_table(("document", "status", "reason"), [row], "")
    raise typer.Exit(0 if document["status"] == "published" else EXIT_REFUSED)


def show(
    record: RecordOption,
    var: VarOption,
    form: Annotated[str | None, typer.Option("--form", help="One form; default: all.")] = None,
    who: AsPatientOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the statements of a record that a caller may see, with who declares them.

    Exit codes: 0 shown, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp statements show --record UUID --as doctor
    """
    if form is not None:
        check_value("--form", form, FORMS)

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> list[dict[str, Any]]:
        session = patient_session(dmp, installation, record, who)
        return await _statements(session, record, form)

    documents = perform(var, look)
    if as_json:
        show_json(documents)
    else:
        _show_statements(documents)


def personal_space(
    record: RecordOption, var: VarOption, who: AsPatientOption = None, as_json: JsonOption = False
) -> None:
    """Show what a record's personal space holds: documents, statements, measures, and the people to call.

    Exit codes: 0 shown, 1 refused, 3 nothing runs.

    Example: dmp personal-space --record UUID
    """

    async def look(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session = patient_session(dmp, installation, record, who)
        measures = await session.call("GET", "records", f"/records/{record}/measures", params={"limit": 1})
        return {
            "documents": await _documents(session, record),
            "statements": await _statements(session, record, None),
            "trends": measures.json()["trends"],
            "people_to_call": await _people_to_call(session, record),
        }

    space = perform(var, look)
    if as_json:
        show_json(space)
        return
    show_table(("document", "type", "title"), [tuple(each.values()) for each in space["documents"]], "no document")
    _show_statements(space["statements"])
    show_trends(space["trends"])
    people = [(each["role"], each["name"], each["phone"], each["relation"]) for each in space["people_to_call"]]
    show_table(("call", "name", "phone", "relation"), people, "no one to call may be shown")


async def _documents(session: Session, record: UUID) -> list[dict[str, str]]:
    params = {"patient": str(record), "status": "current", "rubric": "personal", "_count": "100"}
    bundle = (await session.call("GET", "records", "/fhir/DocumentReference", params=params)).json()
    resources = [entry["resource"] for entry in bundle.get("entry", ())]
    return [
        {
            "id": resource["id"],
            "type": resource["type"]["coding"][0]["code"],
            "title": resource["content"][0]["attachment"]["title"],
        }
        for resource in resources
        if resource["resourceType"] == "DocumentReference"
    ]


async def _statements(session: Session, record: UUID, form: str | None) -> list[dict[str, Any]]:
    params = {} if form is None else {"form": form}
    answer = await session.call("GET", "records", f"/records/{record}/statements", params=params)
    documents: list[dict[str, Any]] = answer.json()["documents"]
    return documents


async def _people_to_call(session: Session, record: UUID) -> list[dict[str, Any]]:
    """Returns identity's people to call; none for a caller to whom identity does not show them."""
    try:
        answer = await session.call("GET", "identity", f"/records/{record}/people-to-call")
    except RefusedError:
        return []
    people: list[dict[str, Any]] = answer.json()["people"]
    return people


def _statement(form: str, text: str) -> dict[str, str]:
    """Returns a statement of a form from its text on the command line. Exits with 2 where it is none."""
    kind, separator, rest = text.partition(":")
    check_value("--state", kind, [code for code, each in statement_kinds().items() if each.form == form])
    if not separator or not rest:
        fail(EXIT_USAGE, f"--state {text}: write KIND:TEXT or KIND:TEXT:SINCE, such as allergy:Amoxicilline:2011")
    words, _, since = rest.rpartition(":")
    if not (words and since[:4].isdigit()):
        words, since = rest, ""
    named = {"position": words} if kind == ORGAN_DONATION else {"text": words}
    return {"kind": kind, **named, **({"since": since} if since else {})}


def _show_statements(documents: list[dict[str, Any]]) -> None:
    rows = [
        (
            document["form"],
            statement["label"],
            statement.get("text") or statement.get("position"),
            statement.get("since", ""),
            document["declared_by"],
            document["document_id"],
        )
        for document in documents
        for statement in document["statements"]
    ]
    show_table(_COLUMNS, rows, "no statement may be shown")
    for note in sorted({document["note"] for document in documents if "note" in document}):
        print(note)
