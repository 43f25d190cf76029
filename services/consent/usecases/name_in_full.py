"""Names in full whom choices of an older release name by less: a right that a bare number gave or took was nobody's."""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import UUID

from services.consent.announcements import announce
from services.consent.domain.choices import Choices
from services.consent.domain.full_names import ids_of, in_full
from services.consent.domain.identifiers import possible_ids
from services.consent.store import directory, incomplete, states
from shared.contracts.base import Actor
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock

ACTION: Final = "name-in-full"
OURSELVES: Final = Actor(kind="system", id="consent")
AT_ONCE: Final = 100
POLL_INTERVAL_S: Final = 5.0
WHOLE_SINCE: Final = timedelta(minutes=2)


async def name_in_full(pool: Pool) -> None:
    """A round of the worker's loop: some of the records that are left, each in a transaction. Waits where none is left,
    and while the copy of the directory, which tells numbers apart, is not whole."""
    async with pool.acquire() as connection:
        waiting = await incomplete.find_incomplete(connection, AT_ONCE)
        is_whole = bool(waiting) and await incomplete.is_directory_whole(connection, clock.now() - WHOLE_SINCE)
    if not is_whole:
        await asyncio.sleep(POLL_INTERVAL_S)
        return
    for record_id in waiting:
        async with transaction(pool) as connection:
            await _name_in_full(connection, record_id)


async def _name_in_full(connection: Connection, record_id: UUID) -> None:
    """What another worker has done meanwhile is in full already, and changes nothing."""
    state = await states.lock_state(connection, record_id)
    events = []
    if state is not None:
        choices = await _choices_in_full(connection, state.choices)
        if choices != state.choices:
            changed = state.changed(choices, clock.now())
            await states.update_state_by(connection, changed, ACTION, OURSELVES)
            events.append(announce(changed.as_event()))
    await incomplete.take_out(connection, record_id)
    await append(connection, events)


async def _choices_in_full(connection: Connection, choices: Choices) -> Choices:
    possible = {id for text, kind in ids_of(choices) for id in possible_ids(text, kind)}
    return in_full(choices, await directory.find_entries(connection, possible))
