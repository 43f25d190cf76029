"""The operator's client: `python -m deploy.cli topics|status|dlt|offsets|refused|recover|...`, or `dmp`.

A context file names the installation and the operator. `topics --context FILE` shows the topics of an installation;
`topics` with other options compares or makes those of a Kafka cluster (`topics --help`). `secrets` and `databases`
prepare one server (deploy/compose.yaml).

Exit codes: 0 done; 1 refused, not healthy, or something is left undone; 2 usage. Results are JSON on standard output,
but for the lines of `status` and `topics`.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from deploy.cli import CONTEXT_VARIABLE
from deploy.cli.context import read_context
from deploy.cli.errors import LocalError
from deploy.cli.operator_commands import EXIT_DONE, EXIT_LEFT, EXIT_USAGE, GROUPS, OPERATOR_COMMANDS, usage_complaint
from shared.contracts.declarations import SERVICES


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["topics"] and not _names_installation(words[1:]):
        return _topics(words[1:])
    parsed = _parser().parse_args(words)
    if complaint := usage_complaint(parsed):
        return _complain(complaint, EXIT_USAGE)
    try:
        if parsed.command in _PREPARATIONS:
            _PREPARATIONS[parsed.command](parsed)
            return EXIT_DONE
        code: int = asyncio.run(parsed.run(read_context(parsed.context), parsed))
    except LocalError as error:
        return _complain(str(error), EXIT_LEFT)
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does: no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE
    return code


def _names_installation(words: list[str]) -> bool:
    """Whether `topics` is about an installation, by a context file, and not about a cluster, by TOPICS_KAFKA__*."""
    if words:
        return words[0].partition("=")[0] in ("--context", "--json")
    return bool(os.environ.get(CONTEXT_VARIABLE)) and "TOPICS_KAFKA__BOOTSTRAP" not in os.environ


def _topics(words: list[str]) -> int:
    """Runs the command for topics; with `--patience SECONDS` first, again until the cluster answers."""
    from shared.messaging.topics.__main__ import EXIT_UNAVAILABLE
    from shared.messaging.topics.__main__ import main as topics

    patience = 0
    if words[:1] == ["--patience"] and words[1:2] and words[1].isdecimal():
        patience, words = int(words[1]), words[2:]
    deadline = time.monotonic() + patience
    while (code := topics(words)) == EXIT_UNAVAILABLE and time.monotonic() < deadline:
        time.sleep(2)
    return code


def _secrets(parsed: argparse.Namespace) -> None:
    from deploy.cli.server_secrets import make_secrets

    try:
        made = make_secrets(parsed.folder, parsed.server, parsed.domain)
    except OSError as error:
        raise LocalError(f"{parsed.folder}: {error.strerror}") from None
    print(f"{len(made)} secrets made in {parsed.folder}")


def _databases(parsed: argparse.Namespace) -> None:
    from deploy.cli.server_databases import make_databases

    asyncio.run(make_databases(parsed.folder, parsed.server))
    print(f"the databases of {', '.join(SERVICES)} are there")


def _start(parsed: argparse.Namespace) -> None:
    from deploy.cli.start import start

    start(parsed.service, parsed.words)


_PREPARATIONS = {"secrets": _secrets, "databases": _databases, "start": _start}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dmp", description="Operates a running installation.", epilog=str(__doc__))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    starting = commands.add_parser("start", help="wait for a service's database, then become a process: records api")
    starting.add_argument("service", choices=SERVICES)
    starting.add_argument("words", nargs="+", metavar="PROCESS")
    starting.set_defaults(command="start")
    for name, summary in (("secrets", "make the missing secrets"), ("databases", "make the databases and their roles")):
        preparation = commands.add_parser(name, help=f"{summary} of one server", description=f"{summary} of one server")
        preparation.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of the secrets")
        preparation.add_argument("--server", default="postgres:5432", metavar="HOST:PORT", help="PostgreSQL")
        if name == "secrets":
            about = "callers reach the services as <service>.DOMAIN; default: dmp.example"
            preparation.add_argument("--domain", default="dmp.example", help=about)
        preparation.set_defaults(command=name)
    groups = {
        name: commands.add_parser(name, help=summary).add_subparsers(required=True, metavar="ACT")
        for name, summary in GROUPS.items()
    }
    for name, act in OPERATOR_COMMANDS.items():
        group, _, last = name.rpartition(" ")
        command = groups.get(group, commands).add_parser(last, help=act.summary, description=act.summary)
        command.add_argument("--context", type=Path, metavar="FILE", help="the context file; else DMP_CONTEXT")
        act.arguments(command)
        command.set_defaults(run=act.run, command=name)
    return parser


def _complain(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
