"""`dmp`, the command of developers, hospitals and operators; `python -m deploy.local` is the same."""

import os
import sys

import typer

from deploy.local import cli, commands
from deploy.local.errors import LocalError, explain
from deploy.local.running import Interrupted

EXIT_ERROR, EXIT_INTERRUPTED = 1, 130


def build() -> typer.Typer:
    """All commands: those of the supervisor, and those in `deploy.local.commands`."""
    app = typer.Typer(
        name="dmp",
        help="The shared medical record on this machine: run it, use it, look into it.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    cli.register(app)
    commands.register(app)
    return app


def main() -> None:
    """Runs the command; what stands in the way is told in one line."""
    try:
        build()(prog_name="dmp")
    except Interrupted:
        sys.exit(EXIT_INTERRUPTED)
    except LocalError as error:
        sys.exit(_told(str(error)))
    except BrokenPipeError:  # the reader of our output has ended, as `head` does: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(_told(explain(error)))


def _told(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return EXIT_ERROR


if __name__ == "__main__":
    main()
