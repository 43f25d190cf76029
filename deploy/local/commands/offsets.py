"""`dmp offsets`: where each consumer group goes on in Kafka, and the way out where Kafka no longer has that place."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from deploy.local.bootstrap import OPERATOR
from deploy.local.cli import JsonOption, VarOption
from deploy.local.client import Dmp
from deploy.local.commands.common import EXIT_USAGE, leave, perform, show_json, show_table, someone
from deploy.local.services import NAMES

offsets = typer.Typer(help="Where consumer groups go on in Kafka: list, reset what is lost.", no_args_is_help=True)
_HEADINGS = ("group", "topic", "partition", "next", "begins", "ends", "state")


class Target(StrEnum):
    """Where a group can be sent."""

    BEGINNING = "beginning"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.add_typer(offsets, name="offsets")


@offsets.command("list")
def list_offsets(var: VarOption, as_json: JsonOption = False) -> None:
    """List the stored offset of each consumer group in each partition, and whether Kafka still has it.

    Exit codes: 0 listed, 1 a worker does not answer, 3 nothing runs.

    Example: dmp offsets list --json
    """
    _show(perform(var, _all_offsets), as_json)


@offsets.command()
def reset(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="As `dmp offsets list` tells it.")],
    var: VarOption,
    to: Annotated[Target, typer.Option("--to", help="Where the group goes on.")],
    yes: Annotated[bool, typer.Option("--yes", help="What the topic has lost will never be read: go on.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Let a group go on where the log begins, in partitions whose stored offset Kafka no longer has.

    Partitions that are read stay as they are. What stood between the stored offset and the log is lost to this group:
    restore the log, or copies from their owner, before you go on.

    Exit codes: 0 done (perhaps nothing was lost), 1 there is no such group, 2 without --yes, 3 nothing runs.

    Example: dmp offsets reset records.consent-copies --to beginning --yes
    """
    if not yes:
        leave(EXIT_USAGE, "what the topic has lost will never be read by this group: say --yes to go on")

    async def begin_anew(dmp: Dmp, found: Mapping[str, Any]) -> list[dict[str, Any]]:
        worker = f"{group.partition('.')[0]}-worker"
        operator = someone(dmp, found, OPERATOR)
        done: list[dict[str, Any]] = (
            await operator.call("POST", worker, f"/offsets/{group}/reset", json={"to": to.value})
        ).json()
        return done

    if group.partition(".")[0] not in NAMES:
        leave(EXIT_USAGE, f"{group} is no group: look with `dmp offsets list`")
    _show(perform(var, begin_anew), as_json)


async def _all_offsets(dmp: Dmp, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    operator = someone(dmp, found, OPERATOR)
    return [one for name in NAMES for one in (await operator.call("GET", f"{name}-worker", "/offsets")).json()]


def _show(stored: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(stored)
        return
    rows = [
        (
            one["group"],
            one["topic"],
            one["partition"],
            one["next"],
            one["begins"],
            one["ends"],
            "lost" if one["is_lost"] else "read",
        )
        for one in stored
    ]
    show_table(_HEADINGS, rows, "no offset is lost")
