"""The commands of `python -m services.<name>`: their names, help texts and arguments."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any, Final, Literal

from fastapi import FastAPI
from pydantic import ValidationError

from shared.contracts.base import Actor
from shared.contracts.declarations import Service as ServiceName
from shared.db.key_rewrap import KeyPlan, Rewrapped
from shared.messaging.outbox.operator_entries import operator_named
from shared.runtime.settings import ServiceSettings
from shared.service.owner_settings import OwnerSettings, owner_settings_class
from shared.service.terminal import show_json
from shared.service.worker import Plan

OWN_GROUP: Final = "Of this service"
PROCESS_GROUP: Final = "Processes"
"""The group of the commands that run until they are ended; their logs are their standard output."""
EXIT_DONE: Final = 0
EXIT_LEFT: Final = 1
"""The command ran, and left something that it should have done."""
EXIT_USAGE: Final = 2
EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 refused, or something is left undone; 2 usage; 75 a required system is unavailable; "
    "78 a setting, a key or a permission is missing or wrong. Results are JSON on standard output."
)


@dataclass(frozen=True)
class Service:
    """A service as its commands see it: the parts that differ from one service to another."""

    name: ServiceName
    settings_class: type[ServiceSettings]
    api: Callable[[Any], FastAPI]
    worker: Callable[[Any], FastAPI]
    plan: Callable[[Any], Plan]
    keys: Callable[[Any], KeyPlan]


@dataclass(frozen=True)
class Invocation:
    """A command that was called: of which service, and with which arguments."""

    service: Service
    arguments: argparse.Namespace

    @cached_property
    def settings(self) -> ServiceSettings:
        """The service's settings. Raises pydantic's ValidationError."""
        return self.service.settings_class()

    @cached_property
    def owner_settings(self) -> OwnerSettings:
        """The settings of a command that uses the database as its owner. Raises pydantic's ValidationError."""
        return owner_settings_class(self.service.settings_class)()

    @cached_property
    def plan(self) -> Plan:
        """The parts of the service's worker."""
        return self.service.plan(self.settings)


class UsageError(Exception):
    """The arguments do not fit together."""


def operator_argument(parser: argparse.ArgumentParser) -> None:
    """Adds the option for the person who acts: a command has no token that names one."""
    purpose = "who does it, as the ledger shall keep it: a code without blanks"
    parser.add_argument("--operator", type=_operator, required=True, metavar="ID", help=purpose)


def _operator(text: str) -> Actor:
    try:
        return operator_named(text)
    except ValidationError:
        raise argparse.ArgumentTypeError("a code of letters, digits, . _ : and -, 64 at most") from None


def no_arguments(_: argparse.ArgumentParser) -> None:
    """The default for commands without arguments."""


@dataclass(frozen=True)
class Command:
    """A command: `name` may be of two words. `run` returns the exit code.

    `needs`: the settings alone, nothing, or also a database with this release's schema, for whose rows all keys are
    there. `as_owner`: it uses the database as its owner, and has no other settings than `owner_settings`.
    """

    name: str
    group: str
    summary: str
    run: Callable[[Invocation], int]
    arguments: Callable[[argparse.ArgumentParser], None] = no_arguments
    needs: Literal["nothing", "settings", "database"] = "database"
    as_owner: bool = False


def find_command(commands: Sequence[Command], words: Sequence[str]) -> tuple[Command, list[str]] | None:
    """Returns the command that the words begin with, and the words after it."""
    for length in (2, 1):
        for command in commands:
            if command.name.split() == list(words[:length]):
                return command, list(words[length:])
    return None


def parse(service: str, command: Command, words: Sequence[str]) -> argparse.Namespace:
    """Returns the arguments. Exits with 2 where they are wrong, with 0 after `--help`."""
    parser = argparse.ArgumentParser(
        f"python -m services.{service} {command.name}", description=command.summary, epilog=EXIT_CODES
    )
    command.arguments(parser)
    return parser.parse_args(words)


def help_text(service: str, commands: Sequence[Command]) -> str:
    """Returns the list of commands in groups."""
    width = max(len(command.name) for command in commands) + 2
    lines = [f"usage: python -m services.{service} COMMAND", ""]
    for group in dict.fromkeys(command.group for command in commands):
        lines.append(f"{group}:")
        lines += [
            f"  {command.name:<{width}}{command.summary.partition('. ')[0].rstrip('.')}"
            for command in commands
            if command.group == group
        ]
        lines.append("")
    return "\n".join([*lines, f"COMMAND --help tells more. {EXIT_CODES}"])


def job(name: str, summary: str, work: Callable[[Any], Awaitable[Sequence[Rewrapped]]]) -> Command:
    """Returns the command of a job that rewrites stored rows. `work` takes the settings; results are by column."""
    return Command(name, OWN_GROUP, summary, partial(_run_job, work))


def _run_job(work: Callable[[Any], Awaitable[Sequence[Rewrapped]]], invocation: Invocation) -> int:
    async def awaited() -> Sequence[Rewrapped]:
        return await work(invocation.settings)

    columns = asyncio.run(awaited())
    show_json([asdict(column) for column in columns])
    return exit_code_of(columns)


def exit_code_of(columns: Sequence[Rewrapped]) -> int:
    """Returns 1 when some rows could not be opened."""
    return EXIT_LEFT if any(column.without_key or column.broken for column in columns) else EXIT_DONE
