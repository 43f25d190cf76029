"""The commands for operators about messages: dead letters, offsets, and announcements that the broker refused.

They work on the service's database and topics, beside its running worker, whose routes call the same functions.
"""

import argparse
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from shared.db.pool import Pool, transaction
from shared.messaging import parked_messages
from shared.messaging.dead_letters import DeadLetterView, ReasonCode
from shared.messaging.offset_routes import GroupUnknownError, load_offsets, positions_of
from shared.messaging.outbox import refused
from shared.messaging.outbox.lost import TopicLog, log_factory
from shared.messaging.redrive import DeadLetterUnknownError, RedriveOutcome, Redriver, redriver_of
from shared.service.commands import EXIT_DONE, EXIT_LEFT, Command, Invocation, UsageError, operator_argument
from shared.service.database_commands import on_pool
from shared.service.terminal import show_json

DEAD_LETTERS, OFFSETS, ANNOUNCEMENTS = "Dead letters", "Offsets", "Announcements that the broker refused"


def _filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--group", help="only this consumer group")
    parser.add_argument("--code", help="only dead letters with this error code")
    parser.add_argument("--before", type=_moment, metavar="MOMENT", help="only from before this moment (ISO 8601)")
    parser.add_argument("--limit", type=_limit, default=1000, metavar="N", help="at most N, the oldest; 1000 at most")


def _moment(text: str) -> datetime:
    """Parses a moment; without a zone it is in this machine's. Raises ValueError."""
    return datetime.fromisoformat(text).astimezone()


def _limit(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 1000:
        raise argparse.ArgumentTypeError("from 1 to 1000")
    return number


def _id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=UUID, metavar="ID")


async def _list_dead_letters(invocation: Invocation, pool: Pool) -> int:
    show_json([view.model_dump() for view in await _dead_letters(invocation, pool)])
    return EXIT_DONE


async def _dead_letters(invocation: Invocation, pool: Pool) -> list[DeadLetterView]:
    options = invocation.arguments
    async with pool.acquire() as connection:
        summaries = await parked_messages.list_dead_letters(
            connection, options.limit, group=options.group, code=options.code, before=options.before
        )
    return [DeadLetterView.model_validate(summary) for summary in summaries]


async def _show_dead_letter(invocation: Invocation, pool: Pool) -> int:
    async with pool.acquire() as connection:
        summary = await parked_messages.load_dead_letter(connection, invocation.arguments.id)
    if summary is None:
        raise DeadLetterUnknownError
    show_json(DeadLetterView.model_validate(summary).model_dump())
    return EXIT_DONE


def _refused_arguments(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    operator_argument(parser)


def _redrive_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", type=UUID, metavar="ID", nargs="?", help="one dead letter; without it all that match")
    _filters(parser)
    operator_argument(parser)


async def _redrive(invocation: Invocation, pool: Pool) -> int:
    options = invocation.arguments
    if options.id is None and options.group is None and options.code is None:
        raise UsageError("name a dead letter, a --group or a --code")
    ids = [options.id] if options.id else [view.id for view in await _dead_letters(invocation, pool)]
    redriver, results = _redriver(invocation, pool), []
    for id in ids:
        try:
            results.append(_result(id, await redriver.redrive_dead_letter(id, options.operator)))
        except DeadLetterUnknownError:  # it was handled behind another one
            if options.id is not None:
                raise
    show_json(results)
    return EXIT_LEFT if any(result["hindrance"] is not None for result in results) else EXIT_DONE


def _discard_arguments(parser: argparse.ArgumentParser) -> None:
    _id(parser)
    parser.add_argument("--reason", required=True, metavar="CODE", help="a code, such as sent-twice")
    operator_argument(parser)


async def _discard(invocation: Invocation, pool: Pool) -> int:
    options = invocation.arguments
    try:
        reason: str = TypeAdapter(ReasonCode).validate_python(options.reason)
    except ValidationError:
        raise UsageError("--reason is a code, without blanks") from None
    show_json(_result(options.id, await _redriver(invocation, pool).discard(options.id, options.operator, reason)))
    return EXIT_DONE


def _result(id: UUID, outcome: RedriveOutcome) -> dict[str, Any]:
    return {"id": id, "handled": outcome.handled, "hindrance": outcome.hindrance}


def _redriver(invocation: Invocation, pool: Pool) -> Redriver:
    return redriver_of(pool, invocation.plan.all_subscriptions, invocation.settings.kafka.prefix)


async def _list_offsets(invocation: Invocation, pool: Pool) -> int:
    groups = [subscription.group.name for subscription in invocation.plan.all_subscriptions]
    async with _topic_log(invocation) as topic_log:
        stored = await load_offsets(pool, groups, invocation.settings.kafka.prefix, topic_log)
    show_json([{**asdict(each), "is_lost": each.is_lost} for each in stored])
    return EXIT_DONE


def _reset_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group", metavar="GROUP", help="name of the group")
    parser.add_argument("--to", required=True, choices=["beginning"], help="where the group goes on")
    parser.add_argument(
        "--yes", action="store_true", required=True, help="confirm that the group never reads what the topic has lost"
    )
    operator_argument(parser)


async def _reset_offsets(invocation: Invocation, pool: Pool) -> int:
    group = invocation.arguments.group
    subscriptions = invocation.plan.all_subscriptions
    if group not in {subscription.group.name for subscription in subscriptions}:
        raise GroupUnknownError
    async with _topic_log(invocation) as topic_log:
        reset = await positions_of(pool, group, invocation.settings.kafka.prefix, topic_log).reset_lost(
            topic_log.consumer, invocation.arguments.operator
        )
    show_json([asdict(each) for each in reset])
    return EXIT_DONE


@asynccontextmanager
async def _topic_log(invocation: Invocation) -> AsyncIterator[TopicLog]:
    async with log_factory(invocation.settings.kafka, invocation.service.name)() as topic_log:
        yield topic_log


async def _list_refused(_: Invocation, pool: Pool) -> int:
    async with pool.acquire() as connection:
        show_json([asdict(announcement) for announcement in await refused.list_refused(connection)])
    return EXIT_DONE


async def _send_refused(invocation: Invocation, pool: Pool) -> int:
    async with transaction(pool) as connection:
        options = invocation.arguments
        await refused.send_again(connection, options.id, invocation.service.name, options.operator)
    return EXIT_DONE


async def _discard_refused(invocation: Invocation, pool: Pool) -> int:
    async with transaction(pool) as connection:
        options = invocation.arguments
        await refused.discard(connection, options.id, invocation.service.name, options.operator)
    return EXIT_DONE


MESSAGE_COMMANDS: Sequence[Command] = (
    Command(
        "dlt list",
        DEAD_LETTERS,
        "List dead letters and messages parked for a newer copy.",
        on_pool(_list_dead_letters),
        _filters,
    ),
    Command("dlt show", DEAD_LETTERS, "Show one dead letter, never its content.", on_pool(_show_dead_letter), _id),
    Command(
        "dlt redrive",
        DEAD_LETTERS,
        "Handle dead letters again, and the messages behind them. The cause must be mended; 1 when one still fails.",
        on_pool(_redrive),
        _redrive_arguments,
    ),
    Command(
        "dlt discard",
        DEAD_LETTERS,
        "Give a dead letter up for ever, and handle the messages behind it. The ledger keeps who did it and why.",
        on_pool(_discard),
        _discard_arguments,
    ),
    Command(
        "offsets list",
        OFFSETS,
        "List the stored offset of each group, and whether Kafka still has it.",
        on_pool(_list_offsets),
    ),
    Command(
        "offsets reset",
        OFFSETS,
        "Let a group go on at the beginning where its offset is lost. Other partitions stay unchanged; the group never "
        "reads what the topic has lost.",
        on_pool(_reset_offsets),
        _reset_arguments,
    ),
    Command("refused list", ANNOUNCEMENTS, "List them: codes and sizes, never their content.", on_pool(_list_refused)),
    Command(
        "refused send",
        ANNOUNCEMENTS,
        "Put one back into the outbox. The cause must be mended; a state is never sent again.",
        on_pool(_send_refused),
        _refused_arguments,
    ),
    Command("refused discard", ANNOUNCEMENTS, "Delete one.", on_pool(_discard_refused), _refused_arguments),
)
