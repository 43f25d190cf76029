"""A patient asks who did what with the own record, and with the other one of the same person where there are two."""

from uuid import UUID

from services.audit import store
from services.audit.domain import Cursor, Names, Shown
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.db.pool import Connection, Pool, transaction
from shared.erasing import erased_among
from shared.errors import NotFoundError
from shared.outbox import announce, append


async def list_accesses(
    pool: Pool, record_id: UUID, actor: Actor, before: Cursor, limit: int
) -> tuple[list[Shown], Names, bool, frozenset[UUID]]:
    """Newest first, the names in it, whether there are more, and whose records these are. Nothing is given before the
    asking is announced, in each of them.

    Raises NotFoundError where the record was erased.
    """
    async with transaction(pool) as connection:
        records = await records_of_one(connection, record_id)
        found = [one for id in records for one in await store.find_shown_to_patient(connection, id, before, limit + 1)]
        shown = sorted(found, key=lambda one: (one.occurred_at, one.event_id), reverse=True)
        page = shown[:limit]
        names = await store.find_names(
            connection,
            {id for one in page for id in one.professional_ids},
            {id for one in page for id in one.structure_ids},
        )
        asked = {"actor": actor, "action": "list-accesses", "outcome": "permitted", "reason": "own-record"}
        accesses = [AccessRecorded.model_validate({"record_id": id, **asked}) for id in records]
        await append(connection, [announce(one) for one in accesses])
    return page, names, len(shown) > limit, frozenset(records)


async def records_of_one(connection: Connection, record_id: UUID) -> list[UUID]:
    """The record and the one that is linked with it, if that is not erased. Raises NotFoundError."""
    other = await store.find_linked(connection, record_id)
    erased = await erased_among(connection, [record_id] if other is None else [record_id, other])
    if record_id in erased:
        raise NotFoundError
    return [record_id] if other is None or other in erased else sorted([record_id, other])
