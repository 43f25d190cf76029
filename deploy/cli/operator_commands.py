"""The commands of the operator's client that work on a running installation: its status, and what operators do."""

import argparse
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from deploy.cli import acts, processes, recovery, topics
from deploy.cli.client import Session, load_key, open_http, software_session
from deploy.cli.context import Context
from deploy.cli.errors import LocalError
from deploy.cli.status import look
from shared.contracts.declarations import SERVICES

EXIT_DONE, EXIT_LEFT, EXIT_USAGE = 0, 1, 2
GROUPS: Final = {
    "dlt": "dead letters: list, show, redrive, discard",
    "offsets": "stored offsets of consumer groups: list, reset",
    "refused": "announcements that the broker refused: list, send, discard",
}
"""The commands of two words: the first word, and what they are about."""


async def _status(context: Context, parsed: argparse.Namespace) -> int:
    async with open_http(context.ca_file, context.certificate_file) as http:
        status = await look(http, context.urls)
    if parsed.json:
        _show({"processes": status.processes, "to_recover": status.to_recover, "healthy": status.is_healthy})
    else:
        print("\n".join(status.lines()))
    return EXIT_DONE if status.is_healthy else EXIT_LEFT


async def _topics(context: Context, parsed: argparse.Namespace) -> int:
    listed = await _as_operator(context, topics.list_topics)
    if parsed.json:
        _show(listed.as_json())
    else:
        print("\n".join(listed.lines()))
    return EXIT_LEFT if listed.failures else EXIT_DONE


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
    if parsed.check:
        services = parsed.services or SERVICES
        reports = await _as_operator(context, lambda operator: recovery.check(operator, services))
        _show(reports.as_json())
        for service, reason in reports.failures.items():
            print(f"error: {service}: {reason}", file=sys.stderr)
        return EXIT_DONE if reports.is_complete else EXIT_LEFT
    [service] = parsed.services
    if parsed.announce:
        done = await _as_operator(context, lambda operator: recovery.announce(operator, service))
    elif parsed.above is not None:
        states = recovery.states_ahead(parsed.above, service)
        done = await _as_operator(context, lambda operator: recovery.withhold(operator, service, states))
    else:
        done = await _as_operator(context, lambda operator: acts.recover(operator, service))
    _show(done)
    return EXIT_DONE


async def _list_offsets(context: Context, _: argparse.Namespace) -> int:
    _show(await _as_operator(context, acts.list_offsets))
    return EXIT_DONE


async def _reset_offsets(context: Context, parsed: argparse.Namespace) -> int:
    _show(await _as_operator(context, lambda operator: acts.reset_offsets(operator, parsed.group)))
    return EXIT_DONE


async def _list_refused(context: Context, _: argparse.Namespace) -> int:
    _show(await _as_operator(context, acts.list_refused))
    return EXIT_DONE


async def _send_refused(context: Context, parsed: argparse.Namespace) -> int:
    await _as_operator(context, lambda operator: acts.send_refused(operator, parsed.service, parsed.id))
    return EXIT_DONE


async def _discard_refused(context: Context, parsed: argparse.Namespace) -> int:
    await _as_operator(context, lambda operator: acts.discard_refused(operator, parsed.service, parsed.id))
    return EXIT_DONE


async def _list_lost_deposits(context: Context, _: argparse.Namespace) -> int:
    _show(await _as_operator(context, acts.list_lost_deposits))
    return EXIT_DONE


async def _scale(context: Context, parsed: argparse.Namespace) -> int:
    async def work(operator: Session) -> dict[str, Any]:
        return await processes.scale(operator, parsed.namespace, parsed.process, parsed.replicas)

    _show(await _as_operator(context, work))
    return EXIT_DONE


async def _restart(context: Context, parsed: argparse.Namespace) -> int:
    _show(await _as_operator(context, lambda operator: processes.restart(operator, parsed.namespace, parsed.process)))
    return EXIT_DONE


async def _as_operator(context: Context, work: Callable[[Session], Awaitable[Any]]) -> Any:
    """Runs the work with the operator's session. Raises LocalError."""
    if not context.client_id or context.key_file is None:
        raise LocalError("the context file names no operator: add client_id and key_file")
    missing = [name for name in SERVICES if name not in context.services]
    if missing:
        raise LocalError(f"the context file lacks the addresses of {', '.join(missing)}")
    async with open_http(context.ca_file, context.certificate_file) as http:
        key = load_key(context.key_file)
        return await work(software_session(http, context.urls, context.client_id, key, context.issuer))


def _filters(parsed: argparse.Namespace) -> dict[str, Any]:
    filters = {"group": parsed.group, "code": parsed.code, "before": parsed.before, "limit": parsed.limit}
    return {name: value for name, value in filters.items() if value is not None}


@dataclass(frozen=True)
class OperatorCommand:
    """A command: its arguments and what runs it."""

    summary: str
    run: Callable[[Context, argparse.Namespace], Awaitable[int]]
    arguments: Callable[[argparse.ArgumentParser], None]


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


def _with_services(parser: argparse.ArgumentParser) -> None:
    about = "the service to recover; with --check any number, by default all"
    parser.add_argument("services", nargs="*", type=_service, metavar="SERVICE", help=about)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--check", action="store_true", help="say what is missing, change nothing; 1 if anything is")
    modes.add_argument(
        "--announce",
        action="store_true",
        help="announce all states, erasures and the facts of the last days onto another, empty Kafka cluster, or go on "
        "with that after an interruption",
    )
    modes.add_argument(
        "--above",
        type=Path,
        metavar="FILE",
        help="what `recover --check` of others has printed: withhold the states of which they have newer copies",
    )


def usage_complaint(parsed: argparse.Namespace) -> str | None:
    """Returns what is wrong with arguments that fit each alone but not together; None if nothing is."""
    if parsed.command == "dlt redrive" and not (parsed.id or parsed.group or parsed.code):
        return "name a dead letter, a --group or a --code"
    if parsed.command == "recover" and not parsed.check and len(parsed.services) != 1:
        return "name the service to recover, one at a time"
    return None


def _with_group(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group", metavar="GROUP", help="name of the group")
    parser.add_argument("--to", required=True, choices=["beginning"], help="where the group goes on")
    parser.add_argument(
        "--yes", action="store_true", required=True, help="confirm that the group never reads what the topic has lost"
    )


def _with_announcement(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", choices=SERVICES)
    _with_id(parser)


def _with_process(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("process", metavar="PROCESS", help="such as records-api; kubectl's own configuration is used")
    parser.add_argument("--namespace", default="dmp", help="default: dmp")


def _with_replicas(parser: argparse.ArgumentParser) -> None:
    _with_process(parser)
    parser.add_argument("replicas", type=_replicas, metavar="N", help="replicas, at least so many with an autoscaler")


def _replicas(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("a number")
    return int(text)


def _no_arguments(_: argparse.ArgumentParser) -> None:
    """Adds nothing."""


def _with_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


OPERATOR_COMMANDS: Final = {
    "status": OperatorCommand(
        "Show which processes are ready, dead letters and stopped consumers.", _status, _with_json
    ),
    "topics": OperatorCommand(
        "Show how much each topic holds, and the lag of each group in records and seconds.", _topics, _with_json
    ),
    "dlt list": OperatorCommand("List dead letters and messages parked for a newer copy.", _list, _with_filters),
    "dlt show": OperatorCommand("Show one dead letter.", _find, _with_id),
    "dlt redrive": OperatorCommand(
        "Handle dead letters again, and the messages behind them.", _redrive, _with_id_or_filters
    ),
    "dlt discard": OperatorCommand(
        "Discard a dead letter for ever; the ledger keeps the reason.", _discard, _with_reason
    ),
    "offsets list": OperatorCommand("List the stored offset of each group.", _list_offsets, _no_arguments),
    "offsets reset": OperatorCommand("Go on at the beginning where an offset is lost.", _reset_offsets, _with_group),
    "refused list": OperatorCommand("List announcements that the broker refused.", _list_refused, _no_arguments),
    "refused send": OperatorCommand("Put one back into the outbox.", _send_refused, _with_announcement),
    "refused discard": OperatorCommand("Delete one.", _discard_refused, _with_announcement),
    "lost-deposits": OperatorCommand("List deposits that a failure has lost.", _list_lost_deposits, _no_arguments),
    "scale": OperatorCommand("Enter it in the ledger, then scale a process on Kubernetes.", _scale, _with_replicas),
    "restart": OperatorCommand(
        "Enter it in the ledger, then restart a process on Kubernetes.", _restart, _with_process
    ),
    "recover": OperatorCommand(
        "Check what restored databases lack, recover it, or announce everything anew.", _recover, _with_services
    ),
}


def _service(text: str) -> str:
    if text not in SERVICES:
        raise argparse.ArgumentTypeError(f"choose from {', '.join(SERVICES)}")
    return text


def _moment(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError("a date or time such as 2027-01-01T08:00:00+01:00") from None


def _show(value: object) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1, default=str))
