"""A patient asks who did what with the own record."""

from uuid import UUID

from services.audit import store
from services.audit.domain import Cursor, Names, Shown
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.db.pool import Pool, transaction
from shared.erasing import erased_among
from shared.errors import NotFoundError
from shared.outbox import announce, append


async def list_accesses(
    pool: Pool, record_id: UUID, actor: Actor, before: Cursor, limit: int
) -> tuple[list[Shown], Names, bool]:
    """Newest first, the names in it, and whether there are more. Nothing is given before the asking is announced.

    Raises NotFoundError where the record was erased.
    """
    async with transaction(pool) as connection:
        if await erased_among(connection, [record_id]):
            raise NotFoundError
        shown = await store.find_shown_to_patient(connection, record_id, before, limit + 1)
        page = shown[:limit]
        names = await store.find_names(
            connection,
            {id for one in page for id in one.professional_ids},
            {id for one in page for id in one.structure_ids},
        )
        access = AccessRecorded(
            record_id=record_id, actor=actor, action="list-accesses", outcome="permitted", reason="own-record"
        )
        await append(connection, [announce(access)])
    return page, names, len(shown) > limit
