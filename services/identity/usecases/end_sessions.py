"""Ends sessions of a holder within the caller's transaction: every end is announced, so that it holds elsewhere too."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.identity.store import sessions
from shared.contracts.base import Event
from shared.contracts.identity import SessionEnded
from shared.db.pool import Connection


async def end_all_sessions(
    connection: Connection, record_id: UUID, reason: str, now: datetime, *, but: UUID | None = None
) -> list[Event]:
    """Of a record, but one. What is to be announced."""
    return _announced(await sessions.end_sessions(connection, record_id, reason, now, but=but), now)


async def end_device_sessions(
    connection: Connection, record_id: UUID, device_id: UUID, reason: str, now: datetime
) -> list[Event]:
    """On a device. What is to be announced."""
    return _announced(await sessions.end_device_sessions(connection, record_id, device_id, reason, now), now)


def _announced(session_ids: Sequence[UUID], now: datetime) -> list[Event]:
    return [SessionEnded(session_id=id, ended_at=now) for id in session_ids]
