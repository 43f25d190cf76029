"""The worker's routes for operators: dead letters, messages that wait, and stored offsets that Kafka no longer has."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from shared.db.pool import transaction
from shared.errors import NotFoundError, UncheckableError
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.messaging import parked_messages
from shared.messaging.redrive import DeadLetterUnknownError, Redriver
from shared.messaging.subscriber import Running
from shared.moments import Moment
from shared.runtime.logs import log

SCOPE = "operations"
ReasonCode = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""Why an operator did something: a code, never a text, because logs and the ledger keep it."""


class GroupUnknownError(NotFoundError):
    """This worker has no such consumer group."""

    code = "group-unknown"


class DeadLetterView(BaseModel):
    """A letter as an operator sees it: where it came from and why it is here. Never its content."""

    model_config = ConfigDict(from_attributes=True)
    id: UUID
    group: str
    topic: str
    partition: int
    offset: int
    code: str | None
    parked_at: datetime
    behind: int


class RedriveResult(BaseModel):
    """How many messages were handled, and the code of what hinders the next one."""

    handled: int
    hindrance: str | None


class Discard(BaseModel):
    """Why a letter is thrown away."""

    model_config = ConfigDict(extra="forbid")
    reason: ReasonCode


class OffsetView(BaseModel):
    """Where a group goes on in a partition, and what Kafka holds of it: the offsets `begins` to below `ends`."""

    model_config = ConfigDict(from_attributes=True)
    group: str
    topic: str
    partition: int
    next: int
    begins: int
    ends: int
    is_lost: bool


class OffsetReset(BaseModel):
    """Where the group is to go on in partitions whose stored offset Kafka no longer has."""

    model_config = ConfigDict(extra="forbid")
    to: Literal["beginning"]


def add_routes(app: FastAPI) -> None:
    """Adds them. `app.state` holds `pool`, `verifier`, `redriver` and `running` (the consumers)."""
    app.add_api_route("/dead-letters", list_dead_letters, methods=["GET"])
    app.add_api_route("/dead-letters/{letter_id}", show_letter, methods=["GET"])
    app.add_api_route("/dead-letters/{letter_id}/redrive", redrive_dead_letter, methods=["POST"])
    app.add_api_route("/dead-letters/{letter_id}/discard", discard_dead_letter, methods=["POST"])
    app.add_api_route("/offsets", list_offsets, methods=["GET"])
    app.add_api_route("/offsets/{group}/reset", reset_offsets, methods=["POST"])


async def list_dead_letters(
    pool: ServicePool,
    asking: AuthenticatedCaller,
    group: str | None = None,
    code: str | None = None,
    before: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> list[DeadLetterView]:
    """What is put aside, oldest first: of one group, with one code, parked before a moment."""
    asking.require(SCOPE)
    async with pool.acquire() as connection:
        heads = await parked_messages.list_dead_letters(connection, limit, group=group, code=code, before=before)
    return [DeadLetterView.model_validate(head) for head in heads]


async def show_letter(pool: ServicePool, dead_letter_id: UUID, asking: AuthenticatedCaller) -> DeadLetterView:
    """One letter."""
    asking.require(SCOPE)
    async with pool.acquire() as connection:
        head = await parked_messages.load_dead_letter(connection, dead_letter_id)
    if head is None:
        raise DeadLetterUnknownError
    return DeadLetterView.model_validate(head)


async def redrive_dead_letter(request: Request, dead_letter_id: UUID, asking: AuthenticatedCaller) -> RedriveResult:
    """Tries a letter again and, when it is through, those behind it."""
    asking.require(SCOPE)
    handled, hindrance = await _redriver(request).redrive_dead_letter(dead_letter_id)
    return RedriveResult(handled=handled, hindrance=hindrance)


async def discard_dead_letter(
    request: Request, dead_letter_id: UUID, discard: Discard, asking: AuthenticatedCaller
) -> RedriveResult:
    """Throws a letter away for ever and tries those behind it. The ledger says who did it, and why."""
    asking.require(SCOPE)
    handled, hindrance = await _redriver(request).discard(dead_letter_id, asking.actor(), discard.reason)
    return RedriveResult(handled=handled, hindrance=hindrance)


async def list_offsets(request: Request, asking: AuthenticatedCaller) -> list[OffsetView]:
    """Where each group goes on in each partition."""
    asking.require(SCOPE)
    return [view for running in _running(request) for view in await _views(running)]


async def reset_offsets(
    request: Request, group: str, reset: OffsetReset, pool: ServicePool, asking: AuthenticatedCaller
) -> list[OffsetView]:
    """Lets a group go on at the beginning of partitions whose stored offset is lost, and of no others.

    Returns what was reset, with the offsets as they were.
    """
    asking.require(SCOPE)
    running = next((one for one in _running(request) if one.consumer.name == group), None)
    if running is None:
        raise GroupUnknownError
    lost = [view for view in await _views(running) if view.is_lost]
    async with transaction(pool) as connection:
        await running.positions.set_next(connection, {(view.topic, view.partition): view.begins for view in lost})
    for view in lost:
        log("offsets.reset", group=group, topic=view.topic, partition=view.partition, offset=view.begins)
    return lost


async def _views(running: Running) -> list[OffsetView]:
    client = running.subscriber.consumer
    if client is None:
        raise UncheckableError
    try:
        return [OffsetView.model_validate(one) for one in await running.positions.survey(client)]
    except KafkaError as error:
        raise UncheckableError from error


def _redriver(request: Request) -> Redriver:
    redriver: Redriver = request.app.state.redriver
    return redriver


def _running(request: Request) -> Sequence[Running]:
    running: Sequence[Running] = request.app.state.running
    return running
