"""`dmp what-if` and `dmp explain`: the effects of a change, and the explanation of a decision."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli.commands.common import (
    EXIT_USAGE,
    AsPatientOption,
    Language,
    LanguageOption,
    RecordOption,
    WhoOption,
    check_value,
    fail,
    patient_session,
    perform,
    session_for,
    show_json,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.client import Dmp
from shared.terminology.documents import section_labels


class Emergency(StrEnum):
    """The kind of emergency access that would end."""

    BREAK_GLASS = "break-glass"
    REGULATION_CENTRE = "regulation-centre"


def register(app: typer.Typer) -> None:
    """Adds the commands to the application."""
    app.command("what-if")(what_if)
    app.command()(explain)


def what_if(  # noqa: PLR0913  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    block: Annotated[str | None, typer.Option("--block", metavar="ID", help="A professional or a structure.")] = None,
    section: Annotated[str | None, typer.Option("--hide-section", metavar="SECTION", help="Such as BIOLOGIE.")] = None,
    mask: Annotated[UUID | None, typer.Option("--mask", metavar="ID", help="A document.")] = None,
    end: Annotated[Emergency | None, typer.Option("--end", help="An emergency access.")] = None,
    who: AsPatientOption = None,
    language: LanguageOption = Language.FR,
    as_json: JsonOption = False,
) -> None:
    """Show who could no longer see how much after a change, as the record's patient. Nothing is changed.

    Exit codes: 0 shown, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp what-if --record UUID --hide-section BIOLOGIE
    """
    changes: list[dict[str, Any]] = []
    if block is not None:
        changes.append({"change": "block-professional", "holder_id": block})
    if section is not None:
        check_value("--hide-section", section, section_labels())
        changes.append({"change": "hide-section", "section": section})
    if end is not None:
        changes.append({"change": "choose-emergency-access", end.value.replace("-", "_"): False})
    documents = [] if mask is None else [{"document_id": str(mask), "change": "mask"}]
    if not changes and not documents:
        fail(EXIT_USAGE, "name a change: --block, --hide-section, --mask or --end")
    body = {"changes": changes, "documents": documents}

    async def ask(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"accept-language": language.value}
        path = f"/records/{record}/what-if"
        patient = patient_session(dmp, installation, record, who)
        answer = await patient.call("POST", "records", path, json=body, headers=headers)
        effects: dict[str, Any] = answer.json()
        return effects

    effects = perform(var, ask)
    if as_json:
        show_json(effects)
        return
    for sentence in effects["sentences"]:
        print(sentence)


def explain(
    entry: Annotated[UUID, typer.Argument(metavar="ENTRY", help="Id of the entry, from `dmp accesses --json`.")],
    var: VarOption,
    who: WhoOption,
    language: LanguageOption = Language.FR,
    as_json: JsonOption = False,
) -> None:
    """Explain why an access was permitted or refused: the rules in order, the facts of each, and a summary.

    Exit codes: 0 shown, 1 refused or no such entry, 3 nothing runs.

    Example: dmp explain UUID --as patient:RECORD
    """

    async def ask(dmp: Dmp, installation: Mapping[str, Any]) -> dict[str, Any]:
        session, path = session_for(dmp, installation, who), f"/entries/{entry}/explanation"
        answer = await session.call("GET", "audit", path, headers={"accept-language": language.value})
        content: dict[str, Any] = answer.json()
        return content

    explanation = perform(var, ask)
    if as_json:
        show_json(explanation)
        return
    for step in explanation["steps"]:
        print(f"{'✓' if step['met'] else '✗'} {step['answer']}")
    print(explanation["sentence"])
