"""A group of commands that imports the module of a command only when that command is run.

The group's own help needs only the catalogue: it must not wait for the libraries of sixty commands.
"""

import importlib
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from deploy.local.cli.catalogue import COMMANDS

MODULES = {command.name: command.module for command in COMMANDS}


class LazyGroup(TyperGroup):
    """Holds a placeholder for each command of the catalogue, for the help, and resolves it to the command itself."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Returns name, command and remaining arguments of the command that is run."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, (load(name) if name in MODULES else command), rest


def add_placeholders(app: typer.Typer) -> None:
    """Adds a placeholder for each command of the catalogue to an application whose class is LazyGroup."""
    for command in COMMANDS:
        app.command(command.name, help=command.summary, rich_help_panel=command.panel)(_placeholder)


def load(name: str) -> Any:
    """Imports the module of a command and returns the command."""
    part = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False)
    part.callback()(_placeholder)
    importlib.import_module(f"deploy.local.cli.{MODULES[name]}").register(part)
    return get_group(part).commands[name]


def _placeholder() -> None:
    """Stands for a command that is not imported yet."""
