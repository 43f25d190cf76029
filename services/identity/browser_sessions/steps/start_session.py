"""Gives the session of a person to their browser."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.sessions import OpaqueToken, new_opaque_token, session_subject
from services.identity.accounts.steps.sign_in_device import DeviceSession
from services.identity.browser_sessions import store
from services.identity.browser_sessions.domain import BrowserSession, SessionLife
from services.identity.clients.domain.tokens import AccessToken, TokenIssuer
from services.identity.kit.unit_of_work import UnitOfWork
from shared.db.pool import Connection
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class BrowserTokens:
    """What the cookies of a session that has just started hold.

    `session`: what continues the session; `device`: only for a new device of the person's own; `kept_until`: when
    the cookies end, or None when they end with the browser. `ended_other`: whose session ended here, if any did.
    """

    session: str
    access: AccessToken
    record_id: UUID | None
    device: str | None = None
    kept_until: datetime | None = None
    ended_other: BrowserSession | None = None


async def insert_holder_session(
    work: UnitOfWork, started: DeviceSession, life: SessionLife
) -> tuple[BrowserSession, OpaqueToken]:
    """Returns the browser's session of a holder on a device, and its token."""
    token, now = new_opaque_token(started.id), started.started_at
    ends_at = now + life.longest
    session = BrowserSession(
        id=started.id,
        record_id=started.record_id,
        device_id=started.device_id,
        professional_id=None,
        organisation_id=None,
        is_kept=life.is_kept,
        started_at=now,
        expires_at=life.end_of(now, ends_at),
        ends_at=ends_at,
    )
    await store.insert_session(work.connection, session, token)
    await store.move_end(work.connection, session, session.expires_at)
    return session, token


async def insert_professional_session(
    connection: Connection, person: tuple[str, str | None], session_id: UUID, life: SessionLife
) -> tuple[BrowserSession, OpaqueToken]:
    """Returns the browser's session of a professional and its token. `person`: ids of professional and structure."""
    token, now = new_opaque_token(session_id), clock.now()
    ends_at = now + life.longest
    session = BrowserSession(
        id=session_id,
        record_id=None,
        device_id=None,
        professional_id=person[0],
        organisation_id=person[1],
        is_kept=False,
        started_at=now,
        expires_at=life.end_of(now, ends_at),
        ends_at=ends_at,
    )
    await store.insert_session(connection, session, token)
    await store.move_end(connection, session, session.expires_at)
    return session, token


def holder_tokens(
    issuer: TokenIssuer, session: BrowserSession, token: OpaqueToken, started: DeviceSession
) -> BrowserTokens:
    """Returns what the browser of a holder keeps."""
    subject = session_subject(started.record_id, session.id)
    access = issuer.issue(subject, token_id=clock.new_id(), now=clock.now(), expires_at=session.expires_at)
    device = started.device_token if session.is_kept else None
    kept_until = session.ends_at if session.is_kept else None
    return BrowserTokens(token.text, access, started.record_id, device, kept_until)


def own_device(rules: AccountRules) -> SessionLife:
    """Returns how long a session lasts on a device of the person's own."""
    return SessionLife(rules.session_idle, rules.session_life, is_kept=True)
