"""The SQL statements of preferences."""

from datetime import datetime
from uuid import UUID

from services.notify.preferences.domain import Preferences
from shared.db.pool import Connection
from shared.db.tags import count_of

SELECT_PREFERENCES = "select document, consultation from preferences where record_id = $1"


async def find_preferences(connection: Connection, record_id: UUID) -> Preferences:
    """The preferences of the person; every alert is switched on until the person chooses otherwise."""
    row = await connection.fetchrow(SELECT_PREFERENCES, record_id)
    return Preferences(row["document"], row["consultation"]) if row else Preferences()


UPSERT_PREFERENCES = """
insert into preferences (record_id, document, consultation, changed_at) values ($1, $2, $3, $4)
on conflict on constraint preferences_pkey
do update set document = excluded.document, consultation = excluded.consultation, changed_at = excluded.changed_at
where (preferences.document, preferences.consultation) is distinct from (excluded.document, excluded.consultation)"""


async def upsert_preferences(connection: Connection, record_id: UUID, preferences: Preferences, now: datetime) -> bool:
    """Stores the preferences of a record. Returns whether they changed."""
    status = await connection.execute(
        UPSERT_PREFERENCES, record_id, preferences.document, preferences.consultation, now
    )
    return count_of(status) == 1
