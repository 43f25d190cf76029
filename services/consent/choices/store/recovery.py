"""Writes of the recovery after consent's database has lost commits."""

from uuid import UUID

from services.consent.choices.domain.states import ConsentState
from services.consent.choices.store.states import column_values, insert_changes
from shared.contracts.base import Actor
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

RAISE_VERSION = """
update consent_states set version = $3 where bucket = $1 and record_id = $2 and version < $3"""


async def raise_version(connection: Connection, record_id: UUID, version: int) -> None:
    """Raises the version of the choices to this one, if it is lower."""
    await connection.execute(RAISE_VERSION, bucket_of(record_id), record_id, version)


ADOPT_STATE = """
insert into consent_states
  (bucket, record_id, version, choices, blocked, feeding_objections, mask_new_documents, changed_at)
values ($1, $2, $3, $4::jsonb, $5, $6, $7, $8)
on conflict on constraint consent_states_pkey do update
set version = excluded.version, choices = excluded.choices, blocked = excluded.blocked,
    feeding_objections = excluded.feeding_objections, mask_new_documents = excluded.mask_new_documents,
    changed_at = excluded.changed_at"""


async def adopt_state(connection: Connection, state: ConsentState, action: str, actor: Actor) -> None:
    """Overwrites the state and adds an entry to the history; the versions in between are lost."""
    await connection.execute(ADOPT_STATE, *column_values(state))
    await insert_changes(connection, [state], action, None, actor)
