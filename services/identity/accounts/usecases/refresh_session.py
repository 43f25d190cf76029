"""Continues a session: exchanges a refresh token for the next one (RFC 9700, section 4.14.2)."""

from datetime import datetime
from uuid import UUID

from services.identity.accounts.domain.accounts import AccountRules
from services.identity.accounts.domain.sessions import (
    OpaqueToken,
    RefreshTokenInvalidError,
    new_opaque_token,
    parse_opaque_token,
    session_subject,
)
from services.identity.accounts.steps.end_sessions import end_device_sessions
from services.identity.accounts.steps.record_failure import UNKNOWN_ACTOR
from services.identity.accounts.store import sessions
from services.identity.accounts.usecases.finish_sign_in import SessionTokens
from services.identity.clients.domain.tokens import TokenIssuer
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.contacts import MessageContent
from services.identity.people.steps import notify_holder
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.db.pool import Connection
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

REUSED = "refresh-token-reused"
ENDED = MessageContent("session-ended")


async def refresh_session(
    storage: Storage, accounts: AccountRules, issuer: TokenIssuer, refresh_token: str
) -> SessionTokens:
    """Returns the session's next tokens. A refresh token works once. A second use means that it was copied or that a
    response was lost; these cannot be told apart, so the session ends, the device is deleted and the holder notified.
    There is no grace period, because a thief could use it too.

    Raises RefreshTokenInvalidError.
    """
    token = parse_opaque_token(refresh_token)
    if token is None:
        raise RefreshTokenInvalidError
    async with storage.transaction() as work:
        session, now = await sessions.lock_session(work.connection, token.id), clock.now()
        if session is None or session["ended_at"] is not None or session["expires_at"] <= now:
            raise RefreshTokenInvalidError
        record_id: UUID = session["record_id"]
        status = await sessions.use_refresh_token(work.connection, token, now)
        if status == "fresh":
            expires_at = min(now + accounts.session_idle, session["expires_at"])
            next_token = await _rotate(work.connection, record_id, session["device_id"], token, expires_at)
        elif status == "used":
            await _end_session(work, record_id, session["device_id"], now)
    if status != "fresh":
        REFUSED.labels("refresh-session", REUSED if status == "used" else RefreshTokenInvalidError.code).inc()
        raise RefreshTokenInvalidError
    subject = session_subject(record_id, token.id)
    access = issuer.issue(subject, token_id=clock.new_id(), now=now, expires_at=session["expires_at"])
    return SessionTokens(access, next_token.text, None)


async def _rotate(
    connection: Connection, record_id: UUID, device_id: UUID, token: OpaqueToken, expires_at: datetime
) -> OpaqueToken:
    next_token = new_opaque_token(token.id)
    await sessions.insert_refresh_token(connection, next_token, expires_at)
    await sessions.touch_device(connection, record_id, device_id, clock.now())
    return next_token


async def _end_session(work: UnitOfWork, record_id: UUID, device_id: UUID, now: datetime) -> None:
    ended = await end_device_sessions(work.connection, record_id, device_id, REUSED, now)
    await sessions.forget_device(work.connection, record_id, device_id)
    entry = AccessRecorded(record_id=record_id, actor=UNKNOWN_ACTOR, action="sign-in", outcome="refused", reason=REUSED)
    events: list[Event] = [entry, *ended, *await notify_holder(work, record_id, ENDED)]
    await append(work.connection, [announce(event) for event in events])
