"""A person authorises, blocks or unblocks a professional, or objects to what an organisation deposits."""

from uuid import UUID

from services.consent import store
from services.consent.domain import ChangeAction, RecordNotReadyError, State, apply_change
from shared import clock
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.erasing import erased_among
from shared.errors import NotFoundError
from shared.outbox import announce, append


async def change_choices(pool: Pool, record_id: UUID, actor: Actor, action: ChangeAction, subject_id: str) -> State:
    """The state afterwards; what changes nothing is no new version and is not announced.

    Raises NotFoundError where the record was erased, RecordNotReadyError, ProfessionalBlockedError, ListFullError.
    """
    async with transaction(pool) as connection:
        state = await store.lock_state(connection, record_id)
        if state is None:
            raise NotFoundError if await erased_among(connection, [record_id]) else RecordNotReadyError
        choices = apply_change(state.choices, action, subject_id)
        if choices == state.choices:
            return state
        changed = state.changed(choices, clock.now())
        await store.update_state(connection, changed, action, subject_id, actor)
        access = AccessRecorded(
            record_id=record_id,
            actor=actor,
            action=action,
            outcome="permitted",
            reason="own-record",
            subject_id=subject_id,
            state_version=changed.version,
        )
        await append(connection, [announce(changed.as_event()), announce(access)])
        return changed
