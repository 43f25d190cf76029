"""Ids of alerts and of emergency sessions, derived from their cause. Pure."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

from services.notify.kit.kinds import AlertChannel, AlertKind
from shared.runtime import clock

EMERGENCY_SESSION_LENGTH = timedelta(hours=1)


def emergency_session_id(record_id: UUID, professional_id: str, at: datetime) -> UUID:
    """Returns the id of an emergency session that carries none: one professional in one record in one clock hour.

    A UUIDv8 that begins with the time at which the hour began.
    """
    hour_start_ms = int(
        at.timestamp() // EMERGENCY_SESSION_LENGTH.total_seconds() * EMERGENCY_SESSION_LENGTH.total_seconds() * 1000
    )
    digest = hashlib.sha256(record_id.bytes + professional_id.encode() + hour_start_ms.to_bytes(8, "big")).digest()
    return clock.uuid8(hour_start_ms, digest[:6].rjust(clock.RANDOM_BYTES, b"\0"))


def alert_id(record_id: UUID, kind: AlertKind, cause: UUID, channel: AlertChannel = "mail") -> UUID:
    """Returns the deterministic id of an alert: a UUIDv8 with the time of its cause and the bucket of its record."""
    channel_bytes = b"" if channel == "mail" else channel.encode()
    digest = hashlib.sha256(b"alert" + kind.encode() + channel_bytes + record_id.bytes + cause.bytes).digest()
    return clock.uuid8(clock.millisecond_of(cause), digest[: clock.RANDOM_BYTES], clock.bucket_of(record_id))
