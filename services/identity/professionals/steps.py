"""Opens sessions of professionals, counts emergencies, and verifies the provider's tokens.

Sessions and counts belong to the caller's transaction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from prometheus_client import Counter

from services.identity.clients.domain.tokens import TOKEN_LIFETIME, AccessToken, TokenIssuer, TokenSubject
from services.identity.kit import store as rates
from services.identity.professionals import store as professional_sessions
from services.identity.professionals.domain.modes import StatedAccess, token_lifetime
from services.identity.professionals.domain.professionals import (
    EMERGENCY_WINDOW,
    IdentityProof,
    NewSignInNeededError,
    ProfessionalRules,
    ProfessionalSession,
    SignInMethod,
    admit_professional,
)
from services.identity.professionals.domain.psc import IdentityProvider, ProviderTokenInvalidError, verify_token
from shared.db.pool import Connection
from shared.runtime import clock
from shared.runtime.logs import log

EMERGENCIES_OVER_LIMIT = Counter(
    "emergencies_over_limit_total",
    "Emergency sign-ins of professionals beyond the limit per hour.",
    ["mode", "outcome"],
)


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A professional's identity proof and method of sign-in, and the requested structure and mode.

    It also holds when the proof expires, if it does.
    """

    proof: IdentityProof
    method: SignInMethod
    client_id: str
    organisation_id: str | None
    stated_access: StatedAccess
    proof_expires_at: datetime | None = None


async def open_session(
    connection: Connection, issuer: TokenIssuer, rules: ProfessionalRules, request: SessionRequest
) -> AccessToken:
    """Opens a session and returns its token. Raises what `admit_professional` raises, and NewSignInNeededError."""
    session, profession = await insert_admitted_session(connection, rules, request)
    subject = professional_subject(session, profession)
    return issuer.issue(subject, token_id=clock.new_id(), now=session.started_at, expires_at=session.expires_at)


async def insert_admitted_session(
    connection: Connection, rules: ProfessionalRules, request: SessionRequest
) -> tuple[ProfessionalSession, str]:
    """Returns the new session and the profession in the directory. Raises what `open_session` raises."""
    entry = await professional_sessions.load_directory_entry(connection, request.proof.id)
    admitted = admit_professional(entry, request.proof, request.organisation_id, request.stated_access, rules)
    await count_emergency(connection, rules, request.proof, request.stated_access)
    now = clock.now()
    latest_end = now + token_lifetime(request.stated_access, TOKEN_LIFETIME, rules.emergency_life)
    session = ProfessionalSession(
        id=clock.new_id(),
        professional_id=admitted.id,
        organisation_id=admitted.organisation_id,
        client_id=request.client_id,
        method=request.method,
        stated_access=request.stated_access,
        started_at=now,
        expires_at=min(latest_end, request.proof_expires_at or latest_end),
        never=admitted.never,
    )
    await professional_sessions.insert_session(connection, session)
    return session, admitted.profession


def professional_subject(
    session: ProfessionalSession, profession: str, patient_present: UUID | None = None
) -> TokenSubject:
    """Returns the subject of a session's tokens. `patient_present`: the id of the record whose card was read."""
    return TokenSubject(
        "professional",
        session.professional_id,
        session.client_id,
        profession=profession,
        organisation_id=session.organisation_id,
        session_id=session.id,
        mode=session.stated_access.mode,
        motive=session.stated_access.motive,
        patient_present=patient_present,
        emergency_record=session.stated_access.commitment(session.id),
        never=session.never,
    )


async def count_emergency(
    connection: Connection, rules: ProfessionalRules, proof: IdentityProof, stated_access: StatedAccess
) -> None:
    """Counts one emergency in the caller's transaction; does nothing in other modes.

    Beyond the hourly limit of the mode it raises an alarm (a metric and a log event without personal data) and requires
    an identity proof of the last two minutes. Raises NewSignInNeededError; then nothing is counted.
    """
    if not stated_access.is_emergency:
        return
    now = clock.now()
    key = f"emergency-{stated_access.mode}:{rules.keys.fingerprint('emergency', stated_access.mode, proof.id)}"
    times = (await rates.lock_request_times(connection, [key], now))[key]
    if len(times) >= rules.emergencies_per_hour[stated_access.mode]:
        is_fresh = proof.is_fresh(now)
        EMERGENCIES_OVER_LIMIT.labels(stated_access.mode, "permitted" if is_fresh else "refused").inc()
        log("emergency.over_limit", code=stated_access.mode)
        if not is_fresh:
            raise NewSignInNeededError
    await rates.insert_requests(connection, [key], now, [EMERGENCY_WINDOW])


async def verify_provider_token(provider: IdentityProvider, token: str, audience: str, *, kind: str) -> dict[str, Any]:
    """Returns the claims of the token. Raises ProviderTokenInvalidError, ProviderUnavailableError."""
    issuer, now = provider.party.issuer, clock.now()
    try:
        return verify_token(token, await provider.keys(), issuer, audience, now, kind=kind)
    except ProviderTokenInvalidError:
        return verify_token(token, await provider.keys(refreshed=True), issuer, audience, now, kind=kind)
