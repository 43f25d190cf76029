"""Statements that restore identity's state after its database has lost commits."""

from datetime import datetime
from uuid import UUID

from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

RAISE_RECORD = "update records set version = $3 where bucket = $1 and id = $2 and version < $3"
RAISE_PEOPLE = "update people_states set version = $3 where bucket = $1 and record_id = $2 and version < $3"
RAISE_CONTACT = "update contacts set version = $3 where bucket = $1 and record_id = $2 and version < $3"


async def raise_record_version(connection: Connection, record_id: UUID, version: int) -> None:
    """Raises the version of a record to at least this one."""
    await connection.execute(RAISE_RECORD, bucket_of(record_id), record_id, version)


async def raise_people_version(connection: Connection, record_id: UUID, version: int) -> None:
    """Raises the version of a record's people to at least this one."""
    await connection.execute(RAISE_PEOPLE, bucket_of(record_id), record_id, version)


async def raise_contact_version(connection: Connection, record_id: UUID, version: int) -> None:
    """Raises the version of a contact to at least this one."""
    await connection.execute(RAISE_CONTACT, bucket_of(record_id), record_id, version)


END_SESSIONS = "update sessions set ended_at = $1, ended_for = 'database-recovered' where ended_at is null"
END_PROFESSIONAL_SESSIONS = "delete from professional_sessions"


async def end_all_sessions(connection: Connection, now: datetime) -> None:
    """Ends all sessions; everyone has to sign in again."""
    await connection.execute(END_SESSIONS, now)
    await connection.execute(END_PROFESSIONAL_SESSIONS)
