"""Takes a proof that the patient's card was read: the professional's next token says whose."""

from uuid import UUID

from services.identity.announcements import announce
from services.identity.domain.opening import RecordUnknownError
from services.identity.domain.presence import (
    Presence,
    PresenceProofInvalidError,
    PresenceProofReplayedError,
    SessionOverError,
    claimed_reader,
    refusal_of,
    verify_presence,
)
from services.identity.domain.professionals import Listed, Session
from services.identity.domain.sealing import Keyrings
from services.identity.domain.tokens import AccessToken, Issuer
from services.identity.store import clients, professional_sessions, records
from services.identity.usecases.open_session import subject_of
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection, Pool, transaction
from shared.errors import ForbiddenError
from shared.messaging.outbox import append
from shared.runtime import clock


async def prove_presence(
    pool: Pool, issuer: Issuer, keyrings: Keyrings, actor: Actor, session_id: UUID | None, proof: str
) -> AccessToken:
    """A token of the same session, with the claim `patient_present`; it ends when the session's first one does.

    Raises SessionOverError, PresenceProofInvalidError and its kinds, RecordUnknownError, PresenceElsewhereError,
    NotInDirectoryError; the last two are told to the record's ledger.
    """
    async with transaction(pool) as connection:
        session = await _session(connection, actor, session_id)
        client = await clients.load_client(connection, claimed_reader(proof))
        if client is None:
            raise PresenceProofInvalidError
        presence = verify_presence(proof, client, session, issuer.url, clock.now())
        if not await clients.use_assertion(connection, client.id, presence.digest, presence.expires_at):
            raise PresenceProofReplayedError
        record_id = await _record(connection, keyrings, presence)
        listed = await professional_sessions.load_listed(connection, session.professional_id)
        refusal = refusal_of(client, session, listed)
        await append(connection, [announce(_access(record_id, actor, session, presence, refusal))])
    if refusal is not None or listed is None:
        raise refusal or SessionOverError
    return _token(issuer, session, listed, record_id)


async def _session(connection: Connection, actor: Actor, session_id: UUID | None) -> Session:
    session = None if session_id is None else await professional_sessions.load_session(connection, session_id)
    if session is None or session.expires_at <= clock.now() or session.professional_id != actor.id:
        raise SessionOverError
    return session


async def _record(connection: Connection, keyrings: Keyrings, presence: Presence) -> UUID:
    record_id = presence.record_id
    if presence.ins is not None:
        record_id = await records.find_record(connection, keyrings.ins.fingerprints(*ins_parts(presence.ins)))
    if record_id is None or await records.load_record(connection, record_id) is None:
        raise RecordUnknownError
    return record_id


def _access(
    record_id: UUID, actor: Actor, session: Session, presence: Presence, refusal: ForbiddenError | None
) -> AccessRecorded:
    return AccessRecorded(
        record_id=record_id,
        actor=actor,
        action="sign-in",
        outcome="permitted" if refusal is None else "refused",
        reason=presence.means if refusal is None else refusal.code,
        mode=session.stated.mode,
    )


def _token(issuer: Issuer, session: Session, listed: Listed, record_id: UUID) -> AccessToken:
    subject = subject_of(session, listed.profession, patient_present=record_id)
    return issuer.issue(subject, token_id=clock.new_id(), now=clock.now(), expires_at=session.expires_at)
