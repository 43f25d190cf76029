"""Accepts a proof that the patient's card was read, and issues a token that names the patient's record."""

from uuid import UUID

from services.identity.clients.domain.tokens import AccessToken, TokenIssuer
from services.identity.clients.store import clients
from services.identity.kit.announcements import announce
from services.identity.kit.unit_of_work import Storage, UnitOfWork
from services.identity.people.domain.new_person import RecordUnknownError
from services.identity.people.store import records
from services.identity.professionals import store as professional_sessions
from services.identity.professionals.domain.presence import (
    PresenceProof,
    PresenceProofInvalidError,
    PresenceProofReplayedError,
    ProfessionalSessionNeededError,
    presence_refusal,
    unverified_reader_id,
    verify_presence,
)
from services.identity.professionals.domain.professionals import DirectoryEntry, ProfessionalSession
from services.identity.professionals.steps import professional_subject
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.crypto.fingerprints import ins_parts
from shared.db.pool import Connection
from shared.errors import ForbiddenError
from shared.messaging.outbox import append
from shared.runtime import clock


async def prove_presence(
    storage: Storage, issuer: TokenIssuer, actor: Actor, session_id: UUID | None, proof: str
) -> AccessToken:
    """Returns a token of the professional's session with the claim `patient_present`. It expires with the session.

    Raises ProfessionalSessionNeededError, PresenceProofInvalidError and its subclasses, RecordUnknownError,
    PresenceElsewhereError, NotInDirectoryError; the last two are entered in the record's access ledger.
    """
    async with storage.transaction() as work:
        session = await _load_session(work.connection, actor, session_id)
        client = await clients.load_client(work.connection, unverified_reader_id(proof))
        if client is None:
            raise PresenceProofInvalidError
        presence = verify_presence(proof, client, session, issuer.url, clock.now())
        if not await clients.use_assertion(work.connection, client.id, presence.digest, presence.expires_at):
            raise PresenceProofReplayedError
        record_id = await _find_record(work, presence)
        entry = await professional_sessions.load_directory_entry(work.connection, session.professional_id)
        refusal = presence_refusal(client, session, entry)
        await append(work.connection, [announce(_access_event(record_id, actor, session, presence, refusal))])
    if refusal is not None or entry is None:
        raise refusal or ProfessionalSessionNeededError
    return _token(issuer, session, entry, record_id)


async def _load_session(connection: Connection, actor: Actor, session_id: UUID | None) -> ProfessionalSession:
    session = None if session_id is None else await professional_sessions.load_session(connection, session_id)
    if session is None or session.expires_at <= clock.now() or session.professional_id != actor.id:
        raise ProfessionalSessionNeededError
    return session


async def _find_record(work: UnitOfWork, presence: PresenceProof) -> UUID:
    record_id = presence.record_id
    if presence.ins is not None:
        record_id = await records.find_record(work.connection, work.keyrings.ins.fingerprints(*ins_parts(presence.ins)))
    if record_id is None or await records.load_record(work.connection, record_id) is None:
        raise RecordUnknownError
    return record_id


def _access_event(
    record_id: UUID, actor: Actor, session: ProfessionalSession, presence: PresenceProof, refusal: ForbiddenError | None
) -> AccessRecorded:
    return AccessRecorded(
        record_id=record_id,
        actor=actor,
        action="sign-in",
        outcome="permitted" if refusal is None else "refused",
        reason=presence.means if refusal is None else refusal.code,
        mode=session.stated_access.mode,
    )


def _token(issuer: TokenIssuer, session: ProfessionalSession, entry: DirectoryEntry, record_id: UUID) -> AccessToken:
    subject = professional_subject(session, entry.profession, patient_present=record_id)
    return issuer.issue(subject, token_id=clock.new_id(), now=clock.now(), expires_at=session.expires_at)
