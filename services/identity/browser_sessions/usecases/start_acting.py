"""Confirms that the person of a browser's session acts in the record of another."""

from uuid import UUID

from services.identity.accounts.domain.sessions import PATIENT_CLIENT, parse_opaque_token
from services.identity.accounts.steps.check_session import check_session
from services.identity.browser_sessions import store
from services.identity.browser_sessions.domain import BrowserSession, BrowserSessionOverError
from services.identity.clients.domain.tokens import AccessToken, TokenIssuer, TokenSubject
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.steps import logged_refusals
from services.identity.relations.domain.acts_for_holder import permitted_access
from services.identity.relations.steps.check_relation import find_proxy_relation
from shared.contracts.base import Actor
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def start_acting(
    storage: Storage, issuer: TokenIssuer, caller: Caller, cookie: str | None, record_id: UUID
) -> tuple[AccessToken, BrowserSession]:
    """Returns the token for that record and the session, and enters in its ledger who acts there from now on.

    Until the session ends, the token is renewed with the person's own. Raises BrowserSessionOverError,
    SessionOverError, RecordUnknownError.
    """
    token, now = None if not cookie else parse_opaque_token(cookie), clock.now()
    if token is None:
        raise BrowserSessionOverError
    async with logged_refusals(storage.pool, record_id, caller.actor(), "sign-in"), storage.transaction() as work:
        session = await store.lock_session(work.connection, token)
        if session is None or session.record_id is None or session.expires_at <= now:
            raise BrowserSessionOverError
        await check_session(work.connection, session.id)
        proxy = await find_proxy_relation(work, record_id, session.record_id, now)
        if proxy is None:
            raise RecordUnknownError
        await store.confirm_acting(work.connection, record_id, session.id, session.ends_at)
        person_id = str(proxy.person_id)
        actor = Actor(kind=proxy.relation, id=person_id, client_id=PATIENT_CLIENT)
        entry = permitted_access(record_id, actor, "sign-in", f"acting-as-{proxy.relation}")
        await append(work.connection, [announce(entry)])
    subject = TokenSubject(proxy.relation, person_id, PATIENT_CLIENT, record_id=record_id, session_id=session.id)
    return issuer.issue(subject, token_id=clock.new_id(), now=now, expires_at=session.expires_at), session
