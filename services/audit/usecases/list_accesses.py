"""Who did what with a record: the patient asks, of the other one of the same person too, or whoever represents them."""

from datetime import timedelta
from uuid import UUID

from services.audit import store
from services.audit.domain import Cursor, Names, Shown
from services.audit.usecases.check_side import check_side
from shared.db.pool import Connection, Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append

Page = tuple[list[Shown], Names, bool]


async def list_accesses(
    pool: Pool, record_id: UUID, caller: Caller, before: Cursor, limit: int, copy_limit: timedelta
) -> tuple[list[Shown], Names, bool, frozenset[str]]:
    """Newest first, the names in it, whether there are more, and the ids under which whoever asks has acted. Nothing is
    given before the asking is announced, in each record; a refused asking is announced too.

    A representative sees that one record while it is open, without what is invisible to representatives and what was
    done in a secret connection. Raises ForbiddenError for others; NotFoundError for another record, or where it was
    erased; UncheckableError where the copy is older than `copy_limit`.
    """
    async with transaction(pool) as connection:
        side = await check_side(connection, caller, record_id, copy_limit)
        records = await side.records(connection)
        page, names, has_more = await _page(connection, records, before, limit, to_representatives=side.representing)
        await append(connection, side.entries("list-accesses", records))
    side.raise_if_refused("list-accesses")
    mine = [caller.id] if side.representing else [str(id) for id in records]
    return page, names, has_more, frozenset(mine)


async def _page(
    connection: Connection, records: list[UUID], before: Cursor, limit: int, *, to_representatives: bool
) -> Page:
    found = [
        one
        for id in records
        for one in await store.find_shown(connection, id, before, limit + 1, to_representatives=to_representatives)
    ]
    shown = sorted(found, key=lambda one: (one.occurred_at, one.event_id), reverse=True)
    page = shown[:limit]
    names = await store.find_names(
        connection,
        {id for one in page for id in one.professional_ids},
        {id for one in page for id in one.structure_ids},
    )
    return page, names, len(shown) > limit
