"""`dmp offsets`: the stored offsets of consumer groups, and the reset of offsets that Kafka no longer has."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from deploy.cli import acts
from deploy.local.cli.commands.common import EXIT_USAGE, fail, perform, session_for, show_json, show_table
from deploy.local.cli.installation import JsonOption, VarOption
from deploy.local.demo.credentials import OPERATOR
from deploy.local.platform.services import NAMES

offsets = typer.Typer(help="Stored offsets of consumer groups: list, reset lost ones.", no_args_is_help=True)
_HEADINGS = ("group", "topic", "partition", "next", "begins", "ends", "state")


class Target(StrEnum):
    """The position to which a group can be reset."""

    BEGINNING = "beginning"


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.add_typer(offsets, name="offsets")


@offsets.command("list")
def list_offsets(var: VarOption, as_json: JsonOption = False) -> None:
    """List the stored offset of each consumer group in each partition, and whether Kafka still has it.

    Exit codes: 0 listed, 1 a worker does not answer, 3 nothing runs.

    Example: dmp offsets list --json
    """
    stored = perform(var, lambda dmp, installation: acts.list_offsets(session_for(dmp, installation, OPERATOR)))
    _show(stored, as_json)


@offsets.command()
def reset(
    group: Annotated[str, typer.Argument(metavar="GROUP", help="Name of the group, from `dmp offsets list`.")],
    var: VarOption,
    to: Annotated[Target, typer.Option("--to", help="Where the group goes on.")],
    yes: Annotated[bool, typer.Option("--yes", help="Confirm that the group never reads the lost records.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Reset a group to the beginning of the log, in the partitions whose stored offset Kafka no longer has.

    Other partitions stay unchanged. The group never reads the records between its stored offset and the log: restore
    the log, or have the owner announce its states again, before you reset.

    Exit codes: 0 done (also if nothing was lost), 1 there is no such group, 2 without --yes, 3 nothing runs.

    Example: dmp offsets reset records.consent-copies --to beginning --yes
    """
    if not yes:
        fail(EXIT_USAGE, "this group will never read what the topic has lost: confirm with --yes")

    if group.partition(".")[0] not in NAMES:
        fail(EXIT_USAGE, f"there is no group {group}: look with `dmp offsets list`")
    assert to is Target.BEGINNING, "the only one"
    positions = perform(
        var, lambda dmp, installation: acts.reset_offsets(session_for(dmp, installation, OPERATOR), group)
    )
    _show(positions, as_json)


def _show(stored: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        show_json(stored)
        return
    rows = [
        (
            offset["group"],
            offset["topic"],
            offset["partition"],
            offset["next"],
            offset["begins"],
            offset["ends"],
            "lost" if offset["is_lost"] else "read",
        )
        for offset in stored
    ]
    show_table(_HEADINGS, rows, "no offset is lost")
