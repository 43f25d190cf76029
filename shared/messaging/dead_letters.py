"""The worker's routes for operators: dead letters, and other parked messages."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from shared.http.app import AuthenticatedCaller, ServicePool
from shared.messaging import parked_messages
from shared.messaging.redrive import DeadLetterUnknownError, Redriver
from shared.moments import Moment

SCOPE = "operations"
ReasonCode = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
"""The operator's reason as a code, never a free text, because logs and the ledger keep it."""


class DeadLetterView(BaseModel):
    """A parked message as operators see it: its origin and the reason for parking, never its content.

    `behind`: the number of messages of its key that are parked behind it.
    """

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
    """The number of messages handled, and the error code of the next one; null when none is left."""

    handled: int
    hindrance: str | None


class Discard(BaseModel):
    """The reason for discarding a dead letter."""

    model_config = ConfigDict(extra="forbid")
    reason: ReasonCode


def add_routes(app: FastAPI) -> None:
    """Adds the routes. `app.state` must hold `pool`, `verifier` and `redriver`."""
    app.add_api_route("/dead-letters", list_dead_letters, methods=["GET"])
    app.add_api_route("/dead-letters/{dead_letter_id}", show_dead_letter, methods=["GET"])
    app.add_api_route("/dead-letters/{dead_letter_id}/redrive", redrive_dead_letter, methods=["POST"])
    app.add_api_route("/dead-letters/{dead_letter_id}/discard", discard_dead_letter, methods=["POST"])


async def list_dead_letters(
    pool: ServicePool,
    caller: AuthenticatedCaller,
    group: str | None = None,
    code: str | None = None,
    before: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> list[DeadLetterView]:
    """Lists dead letters and messages that await a copy or a key, oldest first."""
    caller.require(SCOPE)
    async with pool.acquire() as connection:
        summaries = await parked_messages.list_dead_letters(connection, limit, group=group, code=code, before=before)
    return [DeadLetterView.model_validate(summary) for summary in summaries]


async def show_dead_letter(pool: ServicePool, dead_letter_id: UUID, caller: AuthenticatedCaller) -> DeadLetterView:
    """Shows one dead letter."""
    caller.require(SCOPE)
    async with pool.acquire() as connection:
        summary = await parked_messages.load_dead_letter(connection, dead_letter_id)
    if summary is None:
        raise DeadLetterUnknownError
    return DeadLetterView.model_validate(summary)


async def redrive_dead_letter(request: Request, dead_letter_id: UUID, caller: AuthenticatedCaller) -> RedriveResult:
    """Handles a dead letter again and, if that succeeds, the messages behind it."""
    caller.require(SCOPE)
    outcome = await _redriver(request).redrive_dead_letter(dead_letter_id, caller.actor())
    return RedriveResult(handled=outcome.handled, hindrance=outcome.hindrance)


async def discard_dead_letter(
    request: Request, dead_letter_id: UUID, discard: Discard, caller: AuthenticatedCaller
) -> RedriveResult:
    """Discards a dead letter for good and handles the messages behind it. The ledger records who and why."""
    caller.require(SCOPE)
    outcome = await _redriver(request).discard(dead_letter_id, caller.actor(), discard.reason)
    return RedriveResult(handled=outcome.handled, hindrance=outcome.hindrance)


def _redriver(request: Request) -> Redriver:
    redriver: Redriver = request.app.state.redriver
    return redriver
