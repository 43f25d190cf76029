"""Starts a service's processes and runs its operators' commands. Each service's `__main__` calls `main`."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka.errors import KafkaError
from fastapi import FastAPI
from pydantic import ValidationError

from shared.contracts.declarations import Service as ServiceName
from shared.db.errors import DATABASE_ERRORS
from shared.db.key_rewrap import KeyPlan
from shared.errors import ClientError, CodedError
from shared.runtime import logs
from shared.runtime.settings import ServiceSettings, settings_complaint
from shared.runtime.span_export import exporting
from shared.service.commands import (
    EXIT_LEFT,
    EXIT_USAGE,
    PROCESS_GROUP,
    Command,
    Invocation,
    Service,
    UsageError,
    find_command,
    help_text,
    parse,
)
from shared.service.database_commands import DATABASE_COMMANDS
from shared.service.message_commands import MESSAGE_COMMANDS
from shared.service.owner_settings import owner_settings_class
from shared.service.serving import serve_api, serve_worker
from shared.service.startup import EXIT_SETTINGS, EXIT_UNAVAILABLE, check_database, explain
from shared.service.terminal import complain, print_text
from shared.service.worker import Plan


def _serve_api(invocation: Invocation) -> int:
    serve_api(invocation.service.api(invocation.settings), invocation.settings)
    return 0


def _serve_worker(invocation: Invocation) -> int:
    serve_worker(invocation.service.worker(invocation.settings), invocation.settings)
    return 0


PROCESSES = (
    Command("api", PROCESS_GROUP, "Serve the HTTP API, until it is ended.", _serve_api),
    Command("worker", PROCESS_GROUP, "Run consumers, relay and loops, until it is ended.", _serve_worker),
)
COMMANDS = (*PROCESSES, *DATABASE_COMMANDS, *MESSAGE_COMMANDS)
"""The commands of every service."""


def main(
    service: ServiceName,
    settings_class: type[ServiceSettings],
    *,
    api: Callable[[Any], FastAPI],
    worker: Callable[[Any], FastAPI],
    plan: Callable[[Any], Plan],
    keys: Callable[[Any], KeyPlan] = lambda _: KeyPlan({}),
    commands: Sequence[Command] = (),
) -> None:
    """Runs the command named by the arguments. `commands`: those of this service alone.

    Exit codes: 0; 1 a command was refused, or left something undone; 2 usage; 75 a required system is unavailable;
    78 wrong settings, or a missing key or permission.
    """
    every, words = (*COMMANDS, *commands), sys.argv[1:]
    if words and words[0] in ("-h", "--help"):
        print_text(help_text(service, every))
        return
    named = find_command(every, words)
    if named is None:
        complain(service, help_text(service, every))
        raise SystemExit(EXIT_USAGE)
    command, rest = named
    described = Service(service, settings_class, api, worker, plan, keys)
    raise SystemExit(run(command, Invocation(described, parse(service, command, rest))))


def run(command: Command, invocation: Invocation) -> int:
    """Runs a command. Returns its exit code; whatever an operator can mend is one line on standard error."""
    service = invocation.service.name
    if command.needs == "nothing":
        return command.run(invocation)
    try:
        settings = invocation.owner_settings if command.as_owner else invocation.settings
    except ValidationError as error:
        settings_class = invocation.service.settings_class
        owner_class = owner_settings_class(settings_class)
        complaint = settings_complaint(error, owner_class if command.as_owner else settings_class)
        complain(service, f"settings are missing or wrong: {complaint}")
        return EXIT_SETTINGS
    stream = sys.stdout if command.group == PROCESS_GROUP else sys.stderr  # a command's standard output is its result
    logs.configure(service, command.name.replace(" ", "-"), settings.log_level, stream=stream)
    try:
        if command.needs == "database":
            rings = invocation.service.keys(invocation.settings).rings
            asyncio.run(check_database(invocation.settings.postgres, service, rings))
        if command.group != PROCESS_GROUP:
            return command.run(invocation)
        with exporting(invocation.settings.tracing, f"{service}-{command.name}"):
            return command.run(invocation)
    except UsageError as error:
        complain(service, str(error))
        return EXIT_USAGE
    except ClientError as error:
        complain(service, str(error))
        return EXIT_LEFT
    except (CodedError, KafkaError, *DATABASE_ERRORS) as error:
        return _failed(error, command, invocation)


def _failed(error: Exception, command: Command, invocation: Invocation) -> int:
    """Explains the error, and logs it in a process. Returns the exit code; raises one that no operator can mend."""
    if command.group == PROCESS_GROUP:
        logs.log("process.failed", error=error)
    explained = explain(error, invocation.owner_settings if command.as_owner else invocation.settings)
    if explained is None and not isinstance(error, CodedError):
        raise error
    complain(invocation.service.name, str(error) if explained is None else explained.text)
    return EXIT_UNAVAILABLE if explained is None else explained.exit_code
