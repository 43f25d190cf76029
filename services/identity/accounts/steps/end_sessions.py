"""Ends sessions of a holder in the caller's transaction. Every end is announced, so that other services heed it."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.identity.accounts.store import sessions
from shared.contracts.base import Event
from shared.contracts.identity import SessionEnded
from shared.db.pool import Connection


async def end_all_sessions(
    connection: Connection, record_id: UUID, reason: str, now: datetime, *, except_session: UUID | None = None
) -> list[Event]:
    """Ends all sessions of a record except one. Returns the events to announce."""
    return _events(await sessions.end_sessions(connection, record_id, reason, now, except_session=except_session), now)


async def end_device_sessions(
    connection: Connection, record_id: UUID, device_id: UUID, reason: str, now: datetime
) -> list[Event]:
    """Ends the sessions of a device. Returns the events to announce."""
    return _events(await sessions.end_device_sessions(connection, record_id, device_id, reason, now), now)


def _events(session_ids: Sequence[UUID], now: datetime) -> list[Event]:
    return [SessionEnded(session_id=id, ended_at=now) for id in session_ids]
