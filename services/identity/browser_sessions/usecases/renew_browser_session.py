"""Continues the session of a browser: the next access tokens, the person's own and that for another's record."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.sessions import PATIENT_CLIENT, parse_opaque_token, session_subject
from services.identity.accounts.store import sessions
from services.identity.browser_sessions import store
from services.identity.browser_sessions.domain import SHARED_DEVICE, BrowserSession, BrowserSessionOverError
from services.identity.browser_sessions.steps.start_session import own_device
from services.identity.clients.domain.tokens import AccessToken, TokenIssuer, TokenSubject
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.store import records
from services.identity.professionals import store as professional_sessions
from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import IdentityProof, ProfessionalRules, admit_professional
from services.identity.professionals.steps import professional_subject
from services.identity.relations.steps.check_relation import find_proxy_relation
from shared.errors import ForbiddenError
from shared.runtime import clock


@dataclass(frozen=True, slots=True, repr=False)
class RenewedTokens:
    """The next tokens of a session. `acting`: for the record `record_id`, where the person confirmed to act.

    `kept_until`: when the cookie of the session ends, or None when it ends with the browser.
    """

    session: BrowserSession
    access: AccessToken
    record_id: UUID | None
    acting: AccessToken | None
    kept_until: datetime | None


@dataclass(frozen=True, slots=True)
class RenewalRules:
    """The rules by which sessions of holders and of professionals continue, and the issuer of their tokens."""

    accounts: AccountRules
    professionals: ProfessionalRules
    issuer: TokenIssuer


async def renew_browser_session(
    storage: Storage, rules: RenewalRules, cookie: str | None, record_id: UUID | None = None
) -> RenewedTokens:
    """Returns the next tokens. The cookie stays as it is, so that several tabs may renew at once.

    `record_id`: the record of the page to which the browser goes. That a person acts in the record of another was
    entered in its ledger when they confirmed it; here the relation is checked again.

    Raises BrowserSessionOverError.
    """
    token = None if not cookie else parse_opaque_token(cookie)
    if token is None:
        raise BrowserSessionOverError
    async with storage.transaction() as work:
        session, now = await store.lock_session(work.connection, token), clock.now()
        if session is None or session.expires_at <= now:
            raise BrowserSessionOverError
        subject = await _subject(work, rules, session, now)
        life = own_device(rules.accounts) if session.is_kept else SHARED_DEVICE
        expires_at = life.end_of(now, session.ends_at)
        await store.move_end(work.connection, session, expires_at)
        acting = None if record_id is None else await _acting_subject(work, session, record_id, now)
    access = rules.issuer.issue(subject, token_id=clock.new_id(), now=now, expires_at=expires_at)
    acting_token = None
    if acting is not None:
        acting_token = rules.issuer.issue(acting, token_id=clock.new_id(), now=now, expires_at=expires_at)
    return RenewedTokens(session, access, record_id, acting_token, session.ends_at if session.is_kept else None)


async def _subject(work: UnitOfWork, rules: RenewalRules, session: BrowserSession, now: datetime) -> TokenSubject:
    """Returns the subject of the session's tokens. Raises BrowserSessionOverError."""
    if session.record_id is None:
        return await _professional(work, rules.professionals, session)
    is_alive = await sessions.is_alive(work.connection, session.id, now)
    if not is_alive or await records.is_deceased(work.connection, session.record_id):
        raise BrowserSessionOverError
    assert session.device_id is not None, "a holder's session has its device"
    await sessions.touch_device(work.connection, session.record_id, session.device_id, now)
    return session_subject(session.record_id, session.id)


async def _professional(work: UnitOfWork, rules: ProfessionalRules, session: BrowserSession) -> TokenSubject:
    """Returns the subject of a professional, whom the directory must still admit. Raises BrowserSessionOverError."""
    opened = await professional_sessions.load_session(work.connection, session.id)
    if opened is None:
        raise BrowserSessionOverError
    entry = await professional_sessions.load_directory_entry(work.connection, opened.professional_id)
    proof = IdentityProof(opened.professional_id)
    try:
        admitted = admit_professional(entry, proof, opened.organisation_id, StatedAccess(), rules)
    except ForbiddenError:
        raise BrowserSessionOverError from None
    return professional_subject(opened, admitted.profession)


async def _acting_subject(
    work: UnitOfWork, session: BrowserSession, record_id: UUID, now: datetime
) -> TokenSubject | None:
    """Returns the subject of a token for that record, if the person confirmed to act there and still may."""
    if session.record_id is None or record_id == session.record_id:
        return None
    if not await store.is_acting_confirmed(work.connection, record_id, session.id, now):
        return None
    proxy = await find_proxy_relation(work, record_id, session.record_id, now)
    if proxy is None:
        return None
    return TokenSubject(
        proxy.relation, str(proxy.person_id), PATIENT_CLIENT, record_id=record_id, session_id=session.id
    )
