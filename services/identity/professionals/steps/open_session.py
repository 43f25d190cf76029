"""Opens a session for an authenticated professional and issues its token, in the caller's transaction."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.clients.domain.tokens import TOKEN_LIFETIME, AccessToken, TokenIssuer, TokenSubject
from services.identity.professionals import store as professional_sessions
from services.identity.professionals.domain.modes import StatedAccess, token_lifetime
from services.identity.professionals.domain.professionals import (
    IdentityProof,
    ProfessionalRules,
    ProfessionalSession,
    SignInMethod,
    admit_professional,
)
from services.identity.professionals.steps.count_emergency import count_emergency
from shared.db.pool import Connection
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """A professional's identity proof and method of sign-in, the requested structure and mode, and when the proof
    expires, if it does."""

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
    subject = professional_subject(session, admitted.profession)
    return issuer.issue(subject, token_id=clock.new_id(), now=now, expires_at=session.expires_at)


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
