"""The relay's routes for operators: announcements that the broker refused."""

from datetime import datetime
from uuid import UUID

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict

from shared.contracts.declarations import Principal
from shared.db.pool import Pool, transaction
from shared.http.app import AuthenticatedCaller
from shared.messaging.outbox import refused


class RefusedAnnouncementView(BaseModel):
    """A refused announcement as operators see it: codes and its size in bytes, never its content."""

    model_config = ConfigDict(from_attributes=True)
    event_id: UUID
    topic: str
    event_type: str
    error_code: str
    size: int | None
    occurred_at: datetime
    refused_at: datetime


def add_relay_routes(app: FastAPI, service: Principal) -> None:
    """Adds the routes to a worker's app. Their callers need the scope `operations`."""

    async def send_again(request: Request, event_id: UUID, caller: AuthenticatedCaller) -> None:
        """Puts a refused fact back into the outbox, once the cause has been removed."""
        caller.require("operations")
        async with transaction(_pool(request)) as connection:
            await refused.send_again(connection, event_id, service, caller.actor())

    async def discard(request: Request, event_id: UUID, caller: AuthenticatedCaller) -> None:
        """Deletes a refused announcement."""
        caller.require("operations")
        async with transaction(_pool(request)) as connection:
            await refused.discard(connection, event_id, service, caller.actor())

    app.add_api_route("/refused-announcements", list_refused, methods=["GET"])
    app.add_api_route("/refused-announcements/{event_id}", discard, methods=["DELETE"], status_code=204)
    app.add_api_route("/refused-announcements/{event_id}/send", send_again, methods=["POST"], status_code=204)


async def list_refused(request: Request, caller: AuthenticatedCaller) -> list[RefusedAnnouncementView]:
    """Lists the announcements that the broker refuses for good, oldest first."""
    caller.require("operations")
    async with _pool(request).acquire() as connection:
        announcements = await refused.list_refused(connection)
    return [RefusedAnnouncementView.model_validate(announcement) for announcement in announcements]


def _pool(request: Request) -> Pool:
    pool: Pool = request.app.state.pool
    return pool
