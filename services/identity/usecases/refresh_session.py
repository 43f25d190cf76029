"""Continues a session: a refresh token is exchanged for the next one (RFC 9700, section 4.14.2)."""

from datetime import datetime
from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.accounts import AccountRules
from services.identity.domain.contacts import MessageContent
from services.identity.domain.sealing import Keyrings
from services.identity.domain.sessions import RefreshTokenInvalidError, Secret, new_secret, read_secret, session_subject
from services.identity.domain.tokens import Issuer
from services.identity.store import sessions
from services.identity.usecases.end_sessions import end_device_sessions
from services.identity.usecases.finish_sign_in import SignedIn
from services.identity.usecases.refuse_try import SOMEBODY
from services.identity.usecases.tell_holder import notify_holder
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

REUSED = "refresh-token-reused"
ENDED = MessageContent("session-ended")


async def refresh_session(
    pool: Pool, accounts: AccountRules, keyrings: Keyrings, issuer: Issuer, refresh_token: str
) -> SignedIn:
    """Each token serves once. One that comes again was copied, or its answer was lost: nobody can tell which, so the
    session ends, the device is forgotten, and the holder is told; after a lost answer they sign in again. A time of
    grace in which an old token still works would be the thief's time as well, so there is none.

    Raises RefreshTokenInvalidError.
    """
    token = read_secret(refresh_token)
    if token is None:
        raise RefreshTokenInvalidError
    async with transaction(pool) as connection:
        session, now = await sessions.lock_session(connection, token.id), clock.now()
        if session is None or session["ended_at"] is not None or session["expires_at"] <= now:
            raise RefreshTokenInvalidError
        record_id: UUID = session["record_id"]
        fate = await sessions.use_refresh_token(connection, token, now)
        if fate == "fresh":
            expires_at = min(now + accounts.session_idle, session["expires_at"])
            following = await _follow(connection, record_id, session["device_id"], token, expires_at)
        elif fate == "used":
            await _end(connection, keyrings, record_id, session["device_id"], now)
    if fate != "fresh":
        REFUSED.labels("refresh-session", REUSED if fate == "used" else RefreshTokenInvalidError.code).inc()
        raise RefreshTokenInvalidError
    subject = session_subject(record_id, token.id)
    access = issuer.issue(subject, token_id=clock.new_id(), now=now, expires_at=session["expires_at"])
    return SignedIn(access, following.text, None)


async def _follow(
    connection: Connection, record_id: UUID, device_id: UUID, token: Secret, expires_at: datetime
) -> Secret:
    following = new_secret(token.id)
    await sessions.insert_refresh_token(connection, following, expires_at)
    await sessions.touch_device(connection, record_id, device_id, clock.now())
    return following


async def _end(connection: Connection, keyrings: Keyrings, record_id: UUID, device_id: UUID, now: datetime) -> None:
    ended = await end_device_sessions(connection, record_id, device_id, REUSED, now)
    await sessions.forget_device(connection, record_id, device_id)
    entry = AccessRecorded(record_id=record_id, actor=SOMEBODY, action="sign-in", outcome="refused", reason=REUSED)
    told: list[Event] = [entry, *ended, *await notify_holder(connection, keyrings, record_id, ENDED)]
    await append(connection, [announce(one) for one in told])
