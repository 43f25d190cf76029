"""`dmp what-if` and `dmp why`: what a change would do, and why something was decided as it was."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp
from deploy.local.commands.common import (
    EXIT_USAGE,
    Language,
    LanguageOption,
    RecordOption,
    leave,
    perform,
    show_json,
    someone,
)


class Emergency(StrEnum):
    """Which emergency access is supposed to end."""

    BREAK_GLASS = "break-glass"
    REGULATION_CENTRE = "regulation-centre"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("what-if")(what_if)
    app.command()(why)


def what_if(  # noqa: PLR0913  # each is an option of the command line
    record: RecordOption,
    var: VarOption,
    block: Annotated[str | None, typer.Option("--block", metavar="ID", help="A professional or a structure.")] = None,
    section: Annotated[str | None, typer.Option("--hide-section", metavar="SECTION", help="Such as BIOLOGIE.")] = None,
    mask: Annotated[UUID | None, typer.Option("--mask", metavar="ID", help="A document.")] = None,
    end: Annotated[Emergency | None, typer.Option("--end", help="An emergency access.")] = None,
    language: LanguageOption = Language.FR,
    as_json: JsonOption = False,
) -> None:
    """Ask who could no longer see what, if this were changed, as the record's patient. Nothing changes.

    Exit codes: 0 answered, 1 refused, 2 usage, 3 nothing runs.

    Example: dmp what-if --record UUID --hide-section BIOLOGIE
    """
    changes: list[dict[str, Any]] = []
    if block is not None:
        changes.append({"change": "block-professional", "holder_id": block})
    if section is not None:
        changes.append({"change": "hide-section", "section": section})
    if end is not None:
        changes.append({"change": "choose-emergency-access", end.value.replace("-", "_"): False})
    documents = [] if mask is None else [{"document_id": str(mask), "change": "mask"}]
    if not changes and not documents:
        leave(EXIT_USAGE, "say what would change: --block, --hide-section, --mask or --end")
    body = {"changes": changes, "documents": documents}

    async def ask(dmp: Dmp, _: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"accept-language": language.value}
        path = f"/records/{record}/what-if"
        answer = await dmp.patient(record).call("POST", "records", path, json=body, headers=headers)
        found: dict[str, Any] = answer.json()
        return found

    found = perform(var, ask)
    if as_json:
        show_json(found)
        return
    for sentence in found["sentences"]:
        print(sentence)


def why(
    entry: Annotated[UUID, typer.Argument(metavar="ENTRY", help="Of the ledger, as `dmp accesses --json` tells it.")],
    var: VarOption,
    who: Annotated[str, typer.Option("--as", metavar="WHO", help="patient:RECORD, professional:ID, or a name.")],
    language: LanguageOption = Language.FR,
    as_json: JsonOption = False,
) -> None:
    """Tell why something was permitted or refused: the rules in order, what each saw, and the sentence.

    Exit codes: 0 told, 1 refused or not there, 3 nothing runs.

    Example: dmp why UUID --as patient:RECORD
    """

    async def ask(dmp: Dmp, found: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"accept-language": language.value}
        answer = await someone(dmp, found, who).call("GET", "audit", f"/entries/{entry}/explanation", headers=headers)
        told: dict[str, Any] = answer.json()
        return told

    found = perform(var, ask)
    if as_json:
        show_json(found)
        return
    for step in found["steps"]:
        print(f"{'✓' if step['met'] else '✗'} {step['answer']}")
    print(found["sentence"])
