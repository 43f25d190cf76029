"""`dmp dlt`: dead letters and messages that wait, for operators. Codes only, never a content."""

import asyncio
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.bootstrap import OPERATOR
from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp, RefusedError, Session
from deploy.local.commands.common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    leave,
    moment,
    perform,
    show_json,
    show_table,
    someone,
    with_zone,
)
from deploy.local.errors import LocalError
from deploy.local.services import NAMES

dlt = typer.Typer(help="Dead letters, and messages that wait: list, show, redrive, discard.", no_args_is_help=True)
LetterArgument = Annotated[UUID, typer.Argument(metavar="ID", help="As `dmp dlt list` tells it.")]
GroupOption = Annotated[str | None, typer.Option("--group", help="Only this consumer group.")]
CodeOption = Annotated[str | None, typer.Option("--code", help="Only letters with this error code.")]
BeforeOption = Annotated[
    str | None, typer.Option("--before", metavar="MOMENT", help="Only letters that were there before this moment.")
]
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, max=1000, metavar="N", help="So many letters at most, the oldest.")
]
_HEADINGS = ("id", "group", "topic", "partition", "offset", "code", "since", "behind it")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.add_typer(dlt, name="dlt")


@dlt.command("list")
def list_dead_letters(
    var: VarOption,
    group: GroupOption = None,
    code: CodeOption = None,
    before: BeforeOption = None,
    limit: LimitOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """List what no consumer could use, and what waits for a copy: why, since when, how many wait behind it.

    Exit codes: 0 listed, 1 a worker does not answer, 3 nothing runs.

    Example: dmp dlt list --group records.deposit-decisions
    """
    filters = _filters(group, code, before, limit)
    letters = perform(var, lambda dmp, said: _letters(dmp, said, filters))
    if as_json:
        show_json(letters)
    else:
        show_table(_HEADINGS, [_row(one) for one in letters], "no dead letter, nothing waits")


@dlt.command()
def show(letter: LetterArgument, var: VarOption, as_json: JsonOption = False) -> None:
    """Show one letter.

    Exit codes: 0 shown, 1 there is no such letter, 3 nothing runs.
    """
    found = perform(var, lambda dmp, said: _find(dmp, said, letter))
    if as_json:
        show_json(found)
    else:
        show_table(("letter", "value"), list(found.items()), "")


@dlt.command()
def redrive(
    var: VarOption,
    letter: Annotated[
        UUID | None, typer.Argument(metavar="[ID]", help="One letter; without it, all that match.")
    ] = None,
    group: GroupOption = None,
    code: CodeOption = None,
    before: BeforeOption = None,
    limit: LimitOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """Try a letter again, and those behind it: after its cause was mended. In bulk: all letters of a group or a code.

    Exit codes: 0 all handled, 1 something still hinders, 2 neither a letter nor a group nor a code, 3 nothing runs.

    Example: dmp dlt redrive --group notify.document-alerts --code handler-failed --limit 100
    """
    if letter is None:
        if group is None and code is None:
            leave(EXIT_USAGE, "say which letter, or which --group or --code")
        filters = _filters(group, code, before, limit)
        results = perform(var, lambda dmp, said: _redrive_all(dmp, said, filters))
    else:
        results = [perform(var, lambda dmp, said: _redrive(dmp, said, letter))]
    if as_json:
        show_json(results if letter is None else results[0])
    else:
        rows = [(one["id"], one["handled"], one["hindrance"]) for one in results]
        show_table(("id", "handled", "what hinders"), rows, "no letter matches")
    if any(one["hindrance"] is not None for one in results):
        raise typer.Exit(EXIT_REFUSED)


@dlt.command()
def discard(
    letter: LetterArgument,
    var: VarOption,
    reason: Annotated[str, typer.Option("--reason", metavar="CODE", help="Why, as a code: sent-twice, test-data ...")],
    as_json: JsonOption = False,
) -> None:
    """Throw a letter away for ever, and try those behind it. The ledger keeps who did it, and the reason.

    The newest state of something cannot be thrown away: its copy stays out of use until a newer state comes.

    Exit codes: 0 gone, 1 refused or there is no such letter, 3 nothing runs.

    Example: dmp dlt discard 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b --reason sent-twice
    """

    async def throw_away(dmp: Dmp, said: Mapping[str, Any]) -> dict[str, Any]:
        return await _post(dmp, said, await _find(dmp, said, letter), "discard", {"reason": reason})

    done = perform(var, throw_away)
    if as_json:
        show_json(done)
    else:
        show_table(("handled behind it", "what hinders"), [(done["handled"], done["hindrance"])], "")


def _filters(group: str | None, code: str | None, before: str | None, limit: int) -> dict[str, Any]:
    moment_of = None if before is None else with_zone(before)
    asked = {"group": group, "code": code, "before": moment_of, "limit": limit}
    return {name: value for name, value in asked.items() if value is not None}


async def _letters(dmp: Dmp, found: Mapping[str, Any], filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The letters of all workers, or of the worker that has the group, the oldest first."""
    operator = someone(dmp, found, OPERATOR)
    await operator.token()
    owner = str(filters.get("group", "")).partition(".")[0]
    asked = [name for name in NAMES if owner in ("", name)]
    pages = await asyncio.gather(*(_page(operator, name, filters) for name in asked), return_exceptions=True)
    for page in pages:
        if isinstance(page, BaseException):
            raise page
    letters = [one for page in pages if isinstance(page, list) for one in page]
    return sorted(letters, key=lambda one: one["parked_at"])[: filters.get("limit")]


async def _page(operator: Session, service: str, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    answer = await operator.call("GET", f"{service}-worker", "/dead-letters", params=filters)
    letters: list[dict[str, Any]] = answer.json()
    return letters


async def _redrive(dmp: Dmp, found: Mapping[str, Any], letter: UUID) -> dict[str, Any]:
    return await _post(dmp, found, await _find(dmp, found, letter), "redrive")


async def _redrive_all(dmp: Dmp, found: Mapping[str, Any], filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One after the other, with a line of progress each; a letter that went through behind another is passed over."""
    letters, results = await _letters(dmp, found, filters), []
    for number, letter in enumerate(letters, start=1):
        try:
            result = await _post(dmp, found, letter, "redrive")
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            continue
        results.append(result)
        outcome = f"{result['handled']} handled" if result["hindrance"] is None else result["hindrance"]
        print(f"  {number}/{len(letters)}  {letter['group']}: {outcome}", file=sys.stderr, flush=True)
    return results


async def _post(
    dmp: Dmp, found: Mapping[str, Any], letter: Mapping[str, Any], act: str, body: object = None
) -> dict[str, Any]:
    worker = f"{str(letter['group']).partition('.')[0]}-worker"
    operator = someone(dmp, found, OPERATOR)
    done: dict[str, Any] = (
        await operator.call("POST", worker, f"/dead-letters/{letter['id']}/{act}", json=body)
    ).json()
    return {"id": letter["id"], **done}


async def _find(dmp: Dmp, found: Mapping[str, Any], letter: UUID) -> dict[str, Any]:
    operator = someone(dmp, found, OPERATOR)
    for name in NAMES:
        try:
            view: dict[str, Any] = (await operator.call("GET", f"{name}-worker", f"/dead-letters/{letter}")).json()
        except RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        else:
            return view
    raise LocalError(f"there is no letter {letter}: it may have been redriven; look with `dmp dlt list`")


def _row(one: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        one["id"],
        one["group"],
        one["topic"],
        one["partition"],
        one["offset"],
        one["code"],
        moment(one["parked_at"]),
        one["behind"],
    )
