"""Starts the session of a professional in a browser; a session that the browser had before ends."""

from services.identity.browser_sessions.domain import SHARED_DEVICE
from services.identity.browser_sessions.steps.end_session import end_session
from services.identity.browser_sessions.steps.start_session import BrowserTokens, insert_professional_session
from services.identity.clients.domain.tokens import TokenIssuer
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage
from services.identity.professionals.domain.professionals import ProfessionalRules
from services.identity.professionals.steps import SessionRequest, insert_admitted_session, professional_subject
from shared.messaging.outbox import append
from shared.runtime import clock


async def start_professional_session(
    storage: Storage,
    issuer: TokenIssuer,
    rules: ProfessionalRules,
    request: SessionRequest,
    earlier_cookie: str | None = None,
) -> BrowserTokens:
    """Returns what the cookies of the new session hold.

    A patient's session in the same browser ends, so that nobody acts as the one and is taken for the other. Raises what
    `admit_professional` raises.
    """
    async with storage.transaction() as work:
        opened, profession = await insert_admitted_session(work.connection, rules, request)
        other, events = await end_session(work, earlier_cookie)
        session, token = await insert_professional_session(
            work.connection, (opened.professional_id, opened.organisation_id), opened.id, SHARED_DEVICE
        )
        await append(work.connection, [announce(event) for event in events])
    subject = professional_subject(opened, profession)
    access = issuer.issue(subject, token_id=clock.new_id(), now=clock.now(), expires_at=session.expires_at)
    return BrowserTokens(token.text, access, None, ended_other=other)
