"""`dmp dlt`: dead letters and messages that wait, for operators. Codes only, never a content."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import typer

from deploy.local.bootstrap import OPERATOR
from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp, Session
from deploy.local.commands.common import EXIT_REFUSED, moment, perform, show_json, show_table, someone
from deploy.local.errors import LocalError
from deploy.local.services import NAMES

dlt = typer.Typer(help="Dead letters, and messages that wait: list, show, redrive.", no_args_is_help=True)
LetterArgument = Annotated[UUID, typer.Argument(metavar="ID", help="As `dmp dlt list` tells it.")]
_HEADINGS = ("id", "group", "topic", "partition", "offset", "code", "since", "behind it")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.add_typer(dlt, name="dlt")


@dlt.command("list")
def list_letters(
    var: VarOption,
    group: Annotated[str | None, typer.Option("--group", help="Only this consumer group.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List what no consumer could use, and what waits for a copy: why, since when, how many wait behind it.

    Exit codes: 0 listed, 1 a worker does not answer, 3 nothing runs.

    Example: dmp dlt list --group records.deposit-decisions
    """
    found = perform(var, _all_letters)
    letters = [one for one in found if group is None or one["group"] == group]
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
def redrive(letter: LetterArgument, var: VarOption, as_json: JsonOption = False) -> None:
    """Try a letter again, and those behind it: after its cause was mended.

    Exit codes: 0 all handled, 1 something still hinders, 3 nothing runs.

    Example: dmp dlt redrive 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b
    """

    async def try_again(dmp: Dmp, said: Mapping[str, Any]) -> dict[str, Any]:
        found = await _find(dmp, said, letter)
        worker = f"{str(found['group']).split('.')[0]}-worker"
        operator = someone(dmp, said, OPERATOR)
        done: dict[str, Any] = (await operator.call("POST", worker, f"/dead-letters/{letter}/redrive")).json()
        return done

    done = perform(var, try_again)
    if as_json:
        show_json(done)
    else:
        show_table(("handled", "what hinders"), [(done["handled"], done["hindrance"])], "")
    if done["hindrance"] is not None:
        raise typer.Exit(EXIT_REFUSED)


async def _all_letters(dmp: Dmp, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    operator = someone(dmp, found, OPERATOR)
    await operator.token()
    pages = await asyncio.gather(*(_letters(operator, name) for name in NAMES), return_exceptions=True)
    for page in pages:
        if isinstance(page, BaseException):
            raise page
    return sorted((one for page in pages if isinstance(page, list) for one in page), key=lambda one: one["parked_at"])


async def _letters(operator: Session, service: str) -> list[dict[str, Any]]:
    letters: list[dict[str, Any]] = (await operator.call("GET", f"{service}-worker", "/dead-letters")).json()
    return letters


async def _find(dmp: Dmp, found: Mapping[str, Any], letter: UUID) -> dict[str, Any]:
    for one in await _all_letters(dmp, found):
        if one["id"] == str(letter):
            return one
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
