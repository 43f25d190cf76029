"""Ends the session of a browser, with the session of the device behind it."""

from services.identity.accounts.domain.sessions import holder_actor, parse_opaque_token
from services.identity.accounts.steps.end_sessions import end_device_sessions
from services.identity.accounts.store import sessions
from services.identity.browser_sessions import store
from services.identity.browser_sessions.domain import BrowserSession
from services.identity.kit.unit_of_work import UnitOfWork
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Event
from shared.runtime import clock


async def end_session(
    work: UnitOfWork, cookie: str | None, *, forgets_device: bool = False
) -> tuple[BrowserSession | None, list[Event]]:
    """Returns the ended session, or None when the cookie continues none, and the events to announce.

    A device that is not the holder's own is deleted with its session, and with `forgets_device` any. The access token
    can change nothing any more.
    """
    token = None if not cookie else parse_opaque_token(cookie)
    session = None if token is None else await store.lock_session(work.connection, token)
    if session is None:
        return None, []
    now = clock.now()
    if session.record_id is None or session.device_id is None:
        await store.move_end(work.connection, session, now)
        await store.delete_session(work.connection, session.id)
        return session, []
    await store.delete_session(work.connection, session.id)
    ended = await end_device_sessions(work.connection, session.record_id, session.device_id, "signed-out", now)
    if forgets_device or not session.is_kept:
        await sessions.forget_device(work.connection, session.record_id, session.device_id)
    entry = AccessRecorded(
        record_id=session.record_id,
        actor=holder_actor(session.record_id),
        action="sign-out",
        outcome="permitted",
        reason="one-device",
    )
    return session, [entry, *ended] if ended else []
