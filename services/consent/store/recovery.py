"""What consent writes when its database has lost commits."""

from uuid import UUID

from services.consent.domain.states import State
from services.consent.store.states import insert_changes, values_of
from shared.contracts.base import Actor
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

RAISE_VERSION = """
update consent_states set version = $3 where bucket = $1 and record_id = $2 and version < $3"""


async def raise_version(connection: Connection, record_id: UUID, version: int) -> None:
    """The choices stay, as of this version at least."""
    await connection.execute(RAISE_VERSION, bucket_of(record_id), record_id, version)


ADOPT_STATE = """
insert into consent_states
  (bucket, record_id, version, choices, blocked, feeding_objections, mask_new_documents, changed_at)
values ($1, $2, $3, $4::jsonb, $5, $6, $7, $8)
on conflict on constraint consent_states_pkey do update
set version = excluded.version, choices = excluded.choices, blocked = excluded.blocked,
    feeding_objections = excluded.feeding_objections, mask_new_documents = excluded.mask_new_documents,
    changed_at = excluded.changed_at"""


async def adopt_state(connection: Connection, state: State, action: str, actor: Actor) -> None:
    """Writes a state whole, whatever stood there, and a line of history; the versions between are lost."""
    await connection.execute(ADOPT_STATE, *values_of(state))
    await insert_changes(connection, [state], action, None, actor)
