"""The person's side asks who opened the record in an emergency, why, and what was read."""

import binascii
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from services.audit import store as names_store
from services.audit.domain import Names
from services.audit.emergencies import EmergencySession, sessions_of
from services.audit.motives import Motives
from services.audit.store import emergencies as store
from services.audit.usecases.check_side import check_side
from shared.crypto.keyring import SealBrokenError
from shared.crypto.vault import WrappedKey
from shared.db.pool import Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append

LONGEST = 2000
"""Readings that are looked at, the newest of each record."""
Told = tuple[EmergencySession, str | None]
"""A session and its motive, where one was given and can be read."""


async def list_emergencies(
    pool: Pool, motives: Motives, caller: Caller, record_id: UUID, copy_limit: timedelta
) -> tuple[list[Told], Names]:
    """The newest first, of both records where a person has two. The asking is announced in each, a refused one too.

    Raises ForbiddenError for anybody but the person's side; NotFoundError for another record or an erased one, and of a
    closed one for representatives; UncheckableError where the copy is older than `copy_limit`.
    """
    async with transaction(pool) as connection:
        side = await check_side(connection, caller, record_id, copy_limit)
        records = await side.records(connection)
        found = [
            one
            for id in records
            for one in await store.find_of_record(connection, id, LONGEST, to_representatives=side.representing)
        ]
        keys = await names_store.find_keys(connection, records)
        people = {one.actor_id for one in found}
        places = {one.organisation_id for one in found if one.organisation_id}
        names = await names_store.find_names(connection, people, places)
        await append(connection, side.entries("list-emergencies", records))
    side.raise_if_refused("list-emergencies")
    return [(one, _motive(one, motives, keys)) for one in sessions_of(found)], names


def _motive(session: EmergencySession, motives: Motives, keys: Mapping[UUID, WrappedKey]) -> str | None:
    given = session.motive
    if given is None or given.motive is None or given.record_id not in keys:
        return None
    try:
        return motives.opened(given.record_id, keys[given.record_id], given.event_id, given.motive)
    except (SealBrokenError, binascii.Error):
        return None
