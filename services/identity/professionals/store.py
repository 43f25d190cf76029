"""Pending sign-ins and sessions of professionals, and their directory entries."""

from uuid import UUID

import asyncpg

from services.identity.professionals.domain.modes import StatedAccess
from services.identity.professionals.domain.professionals import DirectoryEntry, ProfessionalSession
from services.identity.professionals.domain.psc import PendingSignIn
from shared.db.pool import Connection

INSERT_PENDING = """
insert into pending_sign_ins
  (state_digest, browser_digest, key_id, organisation_id, mode, motive, record_id, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8)"""


async def insert_pending_sign_in(connection: Connection, pending: PendingSignIn) -> None:
    """Inserts a pending sign-in."""
    row = (pending.state_digest, pending.browser_digest, pending.key_id, pending.organisation_id)
    stated_access = pending.stated_access
    await connection.execute(
        INSERT_PENDING, *row, stated_access.mode, stated_access.motive, stated_access.record_id, pending.expires_at
    )


TAKE_PENDING = """
delete from pending_sign_ins where state_digest = $1
returning state_digest, browser_digest, key_id, organisation_id, mode, motive, record_id, expires_at"""


async def take_pending_sign_in(connection: Connection, state_digest: bytes) -> PendingSignIn | None:
    """Deletes and returns the sign-in with that state, or None. Of two concurrent callers only one gets it."""
    row = await connection.fetchrow(TAKE_PENDING, state_digest)
    if row is None:
        return None
    stated_access = StatedAccess(row["mode"], row["motive"], row["record_id"])
    parts = (row["state_digest"], row["browser_digest"], row["key_id"], row["organisation_id"])
    return PendingSignIn(*parts, stated_access, row["expires_at"])


INSERT_SESSION = """
insert into professional_sessions
  (id, professional_id, organisation_id, client_id, method, mode, motive, record_id, started_at, expires_at, never)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"""


async def insert_session(connection: Connection, session: ProfessionalSession) -> None:
    """Inserts a session."""
    identity = (session.id, session.professional_id, session.organisation_id, session.client_id, session.method)
    stated_access, times = session.stated_access, (session.started_at, session.expires_at)
    await connection.execute(
        INSERT_SESSION,
        *identity,
        stated_access.mode,
        stated_access.motive,
        stated_access.record_id,
        *times,
        session.never,
    )


SELECT_SESSION = """
select id, professional_id, organisation_id, client_id, method, mode, motive, record_id, started_at, expires_at, never
from professional_sessions where id = $1"""


async def load_session(connection: Connection, session_id: UUID) -> ProfessionalSession | None:
    """Returns a session, expired or not, or None."""
    row = await connection.fetchrow(SELECT_SESSION, session_id)
    if row is None:
        return None
    identity = (row["id"], row["professional_id"], row["organisation_id"], row["client_id"], row["method"])
    stated_access = StatedAccess(row["mode"], row["motive"], row["record_id"])
    return ProfessionalSession(*identity, stated_access, row["started_at"], row["expires_at"], row["never"])


SELECT_DIRECTORY_ENTRY = """
select p.id, p.profession, p.status = 'active' as is_active, p.specialties,
       array(select s.id from structures s where s.id = any(p.structure_ids) and s.status = 'active' order by s.id)
         as structure_ids,
       array(select s.sector from structures s where s.id = any(p.structure_ids) and s.status = 'active' order by s.id)
         as sectors
from professionals p where p.id = $1"""


async def load_directory_entry(connection: Connection, professional_id: str) -> DirectoryEntry | None:
    """Returns a professional's entry in the directory with the active structures, or None."""
    row: asyncpg.Record | None = await connection.fetchrow(SELECT_DIRECTORY_ENTRY, professional_id)
    if row is None:
        return None
    specialties, structures = frozenset(row["specialties"]), tuple(row["structure_ids"])
    sectors = dict(zip(structures, row["sectors"], strict=True))
    return DirectoryEntry(row["id"], row["profession"], row["is_active"], specialties, structures, sectors)


SWEEP_PENDING = """
delete from pending_sign_ins where state_digest in (
  select state_digest from pending_sign_ins where expires_at < $1 order by expires_at limit $2)"""
SWEEP_SESSIONS = """
delete from professional_sessions where id in (
  select id from professional_sessions where expires_at < $1 order by expires_at limit $2)"""


DELETE_PENDING_EMERGENCIES = "delete from pending_sign_ins where record_id = $1"
DELETE_EMERGENCIES = "delete from professional_sessions where record_id = $1"


async def delete_emergencies_in(connection: Connection, record_id: UUID) -> None:
    """Deletes sign-ins and sessions of emergencies in this record; both tables hold minutes of them only."""
    await connection.execute(DELETE_PENDING_EMERGENCIES, record_id)
    await connection.execute(DELETE_EMERGENCIES, record_id)
