"""The operator's client: `python -m deploy.cli topics|status|dlt|recover|secrets|databases`.

A context file names the installation that is asked. `secrets` and `databases` prepare one server (deploy/compose.yaml).

Exit codes: 0 done; 1 refused, not healthy, or something is left undone; 2 usage. Results are JSON on standard output,
but for the lines of `status` and `topics`.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from deploy.cli import acts
from deploy.cli.client import Session, load_key, open_http, software_session
from deploy.cli.context import Context, read_context
from deploy.cli.errors import LocalError
from deploy.cli.status import look
from shared.contracts.declarations import SERVICES

EXIT_DONE, EXIT_LEFT, EXIT_USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["topics"]:
        return _topics(words[1:])
    parsed = _parser().parse_args(words)
    if parsed.command == "dlt redrive" and not (parsed.id or parsed.group or parsed.code):
        return _complain("name a dead letter, a --group or a --code", EXIT_USAGE)
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
        made = make_secrets(parsed.folder, parsed.server)
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


async def _status(context: Context, parsed: argparse.Namespace) -> int:
    async with open_http(context.ca_file) as http:
        status = await look(http, context.urls)
    if parsed.json:
        _show({"processes": status.processes, "to_recover": status.to_recover, "healthy": status.is_healthy})
    else:
        print("\n".join(status.lines()))
    return EXIT_DONE if status.is_healthy else EXIT_LEFT


async def _list(context: Context, parsed: argparse.Namespace) -> int:
    _show(await _as_operator(context, lambda operator: acts.list_dead_letters(operator, _filters(parsed))))
    return EXIT_DONE


async def _find(context: Context, parsed: argparse.Namespace) -> int:
    _show(await _as_operator(context, lambda operator: acts.find_dead_letter(operator, parsed.id)))
    return EXIT_DONE


async def _redrive(context: Context, parsed: argparse.Namespace) -> int:
    async def work(operator: Session) -> list[dict[str, Any]]:
        if parsed.id:
            return [await acts.redrive(operator, parsed.id)]
        return await acts.redrive_all(operator, _filters(parsed))

    results = await _as_operator(context, work)
    _show(results)
    return EXIT_LEFT if any(result["hindrance"] is not None for result in results) else EXIT_DONE


async def _discard(context: Context, parsed: argparse.Namespace) -> int:
    _show(await _as_operator(context, lambda operator: acts.discard(operator, parsed.id, parsed.reason)))
    return EXIT_DONE


async def _recover(context: Context, parsed: argparse.Namespace) -> int:
    if not parsed.check:
        _show(await _as_operator(context, lambda operator: acts.recover(operator, parsed.service)))
        return EXIT_DONE
    async with open_http(context.ca_file) as http:
        status = await look(http, context.urls)
    silent = [name for name in context.services if name not in status.pages]
    _show({"to_recover": status.to_recover, "unknown": silent})
    return EXIT_LEFT if status.to_recover or silent else EXIT_DONE


async def _as_operator(context: Context, work: Callable[[Session], Awaitable[Any]]) -> Any:
    """Runs the work with the operator's session. Raises LocalError."""
    if not context.client_id or context.key_file is None:
        raise LocalError("the context file names no operator: add client_id and key_file")
    missing = [name for name in SERVICES if name not in context.services]
    if missing:
        raise LocalError(f"the context file lacks the addresses of {', '.join(missing)}")
    async with open_http(context.ca_file) as http:
        return await work(software_session(http, context.urls, context.client_id, load_key(context.key_file)))


def _filters(parsed: argparse.Namespace) -> dict[str, Any]:
    filters = {"group": parsed.group, "code": parsed.code, "before": parsed.before, "limit": parsed.limit}
    return {name: value for name, value in filters.items() if value is not None}


@dataclass(frozen=True)
class _Act:
    """A command: its arguments and what runs it."""

    summary: str
    run: Callable[[Context, argparse.Namespace], Awaitable[int]]
    arguments: Callable[[argparse.ArgumentParser], None]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("dmp", description="Operates a running installation.", epilog=str(__doc__))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser("topics", help="compare or make the topics of a Kafka cluster; `topics --help` tells more")
    starting = commands.add_parser("start", help="wait for a service's database, then become a process: records api")
    starting.add_argument("service", choices=SERVICES)
    starting.add_argument("words", nargs="+", metavar="PROCESS")
    starting.set_defaults(command="start")
    for name, summary in (("secrets", "make the missing secrets"), ("databases", "make the databases and their roles")):
        preparation = commands.add_parser(name, help=f"{summary} of one server", description=f"{summary} of one server")
        preparation.add_argument("folder", type=Path, metavar="FOLDER", help="the folder of the secrets")
        preparation.add_argument("--server", default="postgres:5432", metavar="HOST:PORT", help="PostgreSQL")
        preparation.set_defaults(command=name)
    dlt = commands.add_parser("dlt", help="dead letters: list, show, redrive, discard")
    letters = dlt.add_subparsers(required=True, metavar="ACT")
    for name, act in _ACTS.items():
        group, _, last = name.rpartition(" ")
        command = (letters if group else commands).add_parser(last, help=act.summary, description=act.summary)
        command.add_argument("--context", type=Path, metavar="FILE", help="the context file; else DMP_CONTEXT")
        act.arguments(command)
        command.set_defaults(run=act.run, command=name)
    return parser


def _with_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--group", help="only this consumer group")
    parser.add_argument("--code", help="only dead letters with this error code")
    parser.add_argument("--before", type=_moment, metavar="MOMENT", help="only those from before this moment")
    parser.add_argument("--limit", type=int, default=1000, metavar="N", help="at most N, the oldest")


def _with_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=UUID, metavar="ID")


def _with_id_or_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=UUID, metavar="ID", nargs="?", help="one dead letter; else all that match")
    _with_filters(parser)


def _with_reason(parser: argparse.ArgumentParser) -> None:
    _with_id(parser)
    parser.add_argument("--reason", required=True, metavar="CODE", help="a code, such as sent-twice or test-data")


def _with_service(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("service", nargs="?", choices=SERVICES)
    which.add_argument("--check", action="store_true", help="say which services are to be recovered, change nothing")


def _with_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


_ACTS = {
    "status": _Act("Show which processes are ready, dead letters and stopped consumers.", _status, _with_json),
    "dlt list": _Act("List dead letters and messages parked for a newer copy.", _list, _with_filters),
    "dlt show": _Act("Show one dead letter.", _find, _with_id),
    "dlt redrive": _Act("Handle dead letters again, and the messages behind them.", _redrive, _with_id_or_filters),
    "dlt discard": _Act("Discard a dead letter for ever; the ledger keeps the reason.", _discard, _with_reason),
    "recover": _Act("Recover what a service's restored database lacks.", _recover, _with_service),
}


def _moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError("a date or time such as 2027-01-01T08:00:00+01:00") from None


def _show(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))


def _complain(message: str, code: int) -> int:
    print(f"error: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
