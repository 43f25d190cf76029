"""The command `dmp` for developers, hospitals and operators; `python -m deploy.local` runs it too."""

import os
import sys
from typing import Annotated

import typer

from deploy.cli import CONTEXT_VARIABLE
from deploy.local.cli.catalogue import RETIRED
from deploy.local.cli.lazy import LazyGroup, add_placeholders
from deploy.local.platform.errors import Interrupted, LocalError, explain

EXIT_ERROR, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130


def build() -> typer.Typer:
    """Returns the application with the commands of the catalogue; none of their modules is imported yet."""
    app = typer.Typer(
        name="dmp",
        cls=LazyGroup,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(dmp)
    add_placeholders(app)
    for name, successor in RETIRED.items():
        _retire(app, name, successor)
    return app


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"dmp {version('dmp')}")
        raise typer.Exit


def dmp(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Run, use and inspect the shared medical record (dossier médical partagé, DMP) on this machine.

    Each command has its own help with an example: dmp deposit --help

    Exit codes of all commands: 0 done, 1 refused or failed (one line says why), 2 wrong use, 3 nothing runs, 4 accepted
    but not yet in force, 130 interrupted.

    Examples:

    dmp up

    dmp open --demo

    dmp deposit letter.xml --wait

    dmp documents --record UUID
    """


def main() -> None:
    """Runs the command; an error of this machine is printed in one line.

    A command of an operator that names a context file works on the installation of that file, wherever it runs.
    """
    if _names_context(sys.argv[1:]):
        from deploy.cli.__main__ import main as operate

        sys.exit(operate())
    try:
        build()(prog_name="dmp")
    except Interrupted as interruption:
        sys.exit(_report_interruption(str(interruption)))
    except LocalError as error:
        sys.exit(_report_error(str(error)))
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does: no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(_report_error(explain(error)))


def _names_context(words: list[str]) -> bool:
    if "--context" not in words and CONTEXT_VARIABLE not in os.environ:
        return False
    from deploy.cli.operator_commands import OPERATOR_COMMANDS

    return bool({name.partition(" ")[0] for name in OPERATOR_COMMANDS}.intersection(words[:1]))


def _retire(app: typer.Typer, name: str, successor: str) -> None:
    """Adds a hidden command under a retired name, which exits with 2 and names its successor."""

    def retired(context: typer.Context) -> None:
        _report_error(f"`dmp {name}` is now `dmp {successor}`")
        raise typer.Exit(EXIT_USAGE)

    settings = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(name, hidden=True, add_help_option=False, context_settings=settings)(retired)


def _report_interruption(consequence: str) -> int:
    from deploy.local.cli.waiting import say

    say(f"interrupted: {consequence}" if consequence else "interrupted")
    return EXIT_INTERRUPTED


def _report_error(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return EXIT_ERROR


if __name__ == "__main__":
    main()
