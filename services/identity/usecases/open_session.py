"""Admits a professional who has proved who they are, within the caller's transaction: a session and its token."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.identity.domain.modes import Stated, lifetime_of
from services.identity.domain.professionals import Method, Session, SignInRules, Vouched, admit
from services.identity.domain.tokens import LIFETIME, AccessToken, Issuer, Subject
from services.identity.store import professional_sessions
from services.identity.usecases.count_emergency import count_emergency
from shared.crypto.commitment import record_commitment
from shared.db.pool import Connection
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class Asked:
    """What a professional asks for, how they proved who they are, and until when that proof holds at most."""

    vouched: Vouched
    method: Method
    client_id: str
    organisation_id: str | None
    stated: Stated
    until: datetime | None = None


async def open_session(connection: Connection, issuer: Issuer, rules: SignInRules, asked: Asked) -> AccessToken:
    """Raises what `admit` raises, NewSignInNeededError."""
    listed = await professional_sessions.load_listed(connection, asked.vouched.id)
    admitted = admit(listed, asked.vouched, asked.organisation_id, asked.stated, rules)
    await count_emergency(connection, rules, asked.vouched, asked.stated)
    now = clock.now()
    over = now + lifetime_of(asked.stated, LIFETIME, rules.emergency_life)
    session = Session(
        id=clock.new_id(),
        professional_id=admitted.id,
        organisation_id=admitted.organisation_id,
        client_id=asked.client_id,
        method=asked.method,
        stated=asked.stated,
        started_at=now,
        expires_at=min(over, asked.until or over),
        never=admitted.never,
    )
    await professional_sessions.insert_session(connection, session)
    subject = subject_of(session, admitted.profession)
    return issuer.issue(subject, token_id=clock.new_id(), now=now, expires_at=session.expires_at)


def subject_of(session: Session, profession: str, patient_present: UUID | None = None) -> Subject:
    """Whom the tokens of a session speak for; `patient_present`: the record whose card was read."""
    named = session.stated.record_id
    return Subject(
        "professional",
        session.professional_id,
        session.client_id,
        profession=profession,
        organisation_id=session.organisation_id,
        session_id=session.id,
        mode=session.stated.mode,
        motive=session.stated.motive,
        patient_present=patient_present,
        emergency_record=None if named is None else record_commitment(session.id, named),
        never=session.never,
    )
