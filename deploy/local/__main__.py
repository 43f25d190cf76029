"""The command `dmp` for developers, hospitals and operators; `python -m deploy.local` runs it too."""

import os
import sys

import typer

from deploy.local.cli import commands, installation
from deploy.local.cli.interruptible import Interrupted
from deploy.local.platform.errors import LocalError, explain

EXIT_ERROR, EXIT_INTERRUPTED = 1, 130


def build() -> typer.Typer:
    """Returns the application with the supervisor's commands and those in `deploy.local.cli.commands`."""
    app = typer.Typer(
        name="dmp",
        help="Run, use and inspect the shared medical record on this machine.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    installation.register(app)
    commands.register(app)
    return app


def main() -> None:
    """Runs the command; an error of this machine is printed in one line."""
    try:
        build()(prog_name="dmp")
    except Interrupted:
        sys.exit(EXIT_INTERRUPTED)
    except LocalError as error:
        sys.exit(_report_error(str(error)))
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does: no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(_report_error(explain(error)))


def _report_error(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return EXIT_ERROR


if __name__ == "__main__":
    main()
