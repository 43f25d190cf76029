"""Replaces partial identifiers, which an older release stored in choices: they gave and took rights of nobody."""

import asyncio
from datetime import timedelta
from typing import Final
from uuid import UUID

from services.consent.choices.domain.choices import Choices
from services.consent.choices.domain.full_names import named_ids, with_full_ids
from services.consent.choices.domain.identifiers import possible_ids
from services.consent.choices.steps import SERVICE_ACTOR
from services.consent.choices.store import incomplete, states
from services.consent.copies import store as directory
from services.consent.kit.announcements import announce
from shared.db.pool import Connection, Pool, transaction
from shared.messaging.outbox import append
from shared.runtime import clock

NAME_IN_FULL_ACTION: Final = "name-in-full"
BATCH_SIZE: Final = 100
POLL_INTERVAL_S: Final = 5.0
DIRECTORY_MARGIN: Final = timedelta(minutes=2)


async def name_in_full(pool: Pool) -> None:
    """A loop of the worker: resolves the identifiers of some records, each in a transaction. Waits while no record is
    left, and while the copy of the directory is not complete."""
    async with pool.acquire() as connection:
        record_ids = await incomplete.find_incomplete(connection, BATCH_SIZE)
        can_resolve = bool(record_ids) and await incomplete.is_directory_complete(
            connection, clock.now() - DIRECTORY_MARGIN
        )
    if not can_resolve:
        await asyncio.sleep(POLL_INTERVAL_S)
        return
    for record_id in record_ids:
        async with transaction(pool) as connection:
            await _name_record_in_full(connection, record_id)


async def _name_record_in_full(connection: Connection, record_id: UUID) -> None:
    """Changes nothing if another worker has resolved this record meanwhile."""
    state = await states.lock_state(connection, record_id)
    announcements = []
    if state is not None:
        choices = await _choices_in_full(connection, state.choices)
        if choices != state.choices:
            next_state = state.changed(choices, clock.now())
            await states.update_state_by_service(connection, next_state, NAME_IN_FULL_ACTION, SERVICE_ACTOR)
            announcements.append(announce(next_state.as_event()))
    await incomplete.delete_incomplete(connection, record_id)
    await append(connection, announcements)


async def _choices_in_full(connection: Connection, choices: Choices) -> Choices:
    possible = {id for text, kind in named_ids(choices) for id in possible_ids(text, kind)}
    return with_full_ids(choices, await directory.find_entries(connection, possible))
