"""`dmp dlt`: dead letters and parked messages, for operators. Shows codes, never a content."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from deploy.cli import acts
from deploy.cli.client import Session
from deploy.local.cli.commands.common import (
    EXIT_REFUSED,
    EXIT_USAGE,
    fail,
    moment,
    perform,
    session_for,
    show_json,
    show_table,
    with_zone,
)
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.credentials import OPERATOR

dlt = typer.Typer(help="Dead letters and parked messages: list, show, redrive, discard.", no_args_is_help=True)
DeadLetterArgument = Annotated[UUID, typer.Argument(metavar="ID", help="Id of the dead letter, from `dmp dlt list`.")]
GroupOption = Annotated[str | None, typer.Option("--group", help="Only this consumer group.")]
CodeOption = Annotated[str | None, typer.Option("--code", help="Only dead letters with this error code.")]
BeforeOption = Annotated[
    str | None, typer.Option("--before", metavar="MOMENT", help="Only dead letters from before this moment.")
]
LimitOption = Annotated[
    int, typer.Option("--limit", min=1, max=1000, metavar="N", help="At most N dead letters, the oldest.")
]
T = TypeVar("T")
_HEADINGS = ("id", "group", "topic", "partition", "offset", "code", "since", "behind it")


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
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
    """List dead letters and messages parked for a newer copy: reason, time, and how many are parked behind each.

    Exit codes: 0 listed, 1 a worker does not answer, 3 nothing runs.

    Example: dmp dlt list --group records.deposit-decisions
    """
    filters = _filters(group, code, before, limit)
    dead_letters = _as_operator(var, lambda operator: acts.list_dead_letters(operator, filters))
    if as_json:
        show_json(dead_letters)
    else:
        show_table(_HEADINGS, [_row(dead_letter) for dead_letter in dead_letters], "no dead letter, no parked message")


@dlt.command()
def show(dead_letter: DeadLetterArgument, var: VarOption, as_json: JsonOption = False) -> None:
    """Show one dead letter.

    Exit codes: 0 shown, 1 there is no such dead letter, 3 nothing runs.

    Example: dmp dlt show 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b
    """
    fields = _as_operator(var, lambda operator: acts.find_dead_letter(operator, dead_letter))
    if as_json:
        show_json(fields)
    else:
        show_table(("field", "value"), list(fields.items()), "")


@dlt.command()
def redrive(
    var: VarOption,
    dead_letter: Annotated[
        UUID | None, typer.Argument(metavar="[ID]", help="One dead letter; default: all that match.")
    ] = None,
    group: GroupOption = None,
    code: CodeOption = None,
    before: BeforeOption = None,
    limit: LimitOption = 1000,
    as_json: JsonOption = False,
) -> None:
    """Handle a dead letter again, and the messages behind it, once its cause is fixed; or all of a group or a code.

    Exit codes: 0 all handled, 1 at least one still fails, 2 no dead letter, group or code is given, 3 nothing runs.

    Example: dmp dlt redrive --group notify.document-alerts --code handler-failed --limit 100
    """
    if dead_letter is None:
        if group is None and code is None:
            fail(EXIT_USAGE, "name a dead letter, a --group or a --code")
        filters = _filters(group, code, before, limit)
        results = _as_operator(var, lambda operator: acts.redrive_all(operator, filters))
    else:
        results = [_as_operator(var, lambda operator: acts.redrive(operator, dead_letter))]
    if as_json:
        show_json(results if dead_letter is None else results[0])
    else:
        rows = [(result["id"], result["handled"], result["hindrance"]) for result in results]
        show_table(("id", "handled", "hindrance"), rows, "no dead letter matches")
    if any(result["hindrance"] is not None for result in results):
        raise typer.Exit(EXIT_REFUSED)


@dlt.command()
def discard(
    dead_letter: DeadLetterArgument,
    var: VarOption,
    reason: Annotated[str, typer.Option("--reason", metavar="CODE", help="A code, such as sent-twice or test-data.")],
    as_json: JsonOption = False,
) -> None:
    """Discard a dead letter for ever, and handle the messages behind it. The ledger keeps the operator and the reason.

    The newest state of a key cannot be discarded: its copy stays out of use until a newer state arrives.

    Exit codes: 0 discarded, 1 refused or there is no such dead letter, 3 nothing runs.

    Example: dmp dlt discard 0199a3c4-5d00-8a11-9b7e-2f6c1d4e9a3b --reason sent-twice
    """
    done = _as_operator(var, lambda operator: acts.discard(operator, dead_letter, reason))
    if as_json:
        show_json(done)
    else:
        show_table(("handled behind it", "hindrance"), [(done["handled"], done["hindrance"])], "")


def _filters(group: str | None, code: str | None, before: str | None, limit: int) -> dict[str, Any]:
    moment_before = None if before is None else with_zone(before)
    filters = {"group": group, "code": code, "before": moment_before, "limit": limit}
    return {name: value for name, value in filters.items() if value is not None}


def _as_operator(var: Path, work: Callable[[Session], Awaitable[T]]) -> T:
    """Runs the work with the operator's session on the running installation."""
    return perform(var, lambda dmp, installation: work(session_for(dmp, installation, OPERATOR)))


def _row(dead_letter: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        dead_letter["id"],
        dead_letter["group"],
        dead_letter["topic"],
        dead_letter["partition"],
        dead_letter["offset"],
        dead_letter["code"],
        moment(dead_letter["parked_at"]),
        dead_letter["behind"],
    )
