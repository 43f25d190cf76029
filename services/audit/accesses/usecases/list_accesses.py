"""Lists who did what with a record, for the patient or a representative; for the patient in both linked records."""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from services.audit.accesses import store
from services.audit.accesses.domain import ShownEntry
from services.audit.accesses.steps import check_access_request
from services.audit.copies.domain import PublicNames
from services.audit.copies.store import find_names
from services.audit.ledger.domain.cursors import LedgerCursor
from shared.db.pool import Connection, Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append


class AccessPage(NamedTuple):
    """A page of entries, newest first, with the public names in it, and whether there are older entries."""

    entries: list[ShownEntry]
    names: PublicNames
    has_more: bool


class AccessList(NamedTuple):
    """A page of the list. `own_ids`: the actor ids under which the caller has acted."""

    page: AccessPage
    own_ids: frozenset[str]


async def list_accesses(
    pool: Pool, record_id: UUID, caller: Caller, before: LedgerCursor, limit: int, copy_limit: timedelta
) -> AccessList:
    """Returns a page of the accesses before a cursor, newest first. Each request is announced to the ledger of every
    record that it reads, before anything is returned; a refused request is announced too.

    A representative sees one record while it is open, without documents that are invisible to representatives and
    without secret connections. Raises ForbiddenError for other callers; NotFoundError for another record, or one that
    was erased; UncheckableError if the copy is older than `copy_limit`.
    """
    async with transaction(pool) as connection:
        request = await check_access_request(connection, caller, record_id, copy_limit)
        records = await request.readable_records(connection)
        page = await _find_page(connection, records, before, limit, to_representatives=request.is_representative)
        await append(connection, request.announcements("list-accesses", records))
    request.raise_if_refused("list-accesses")
    own_ids = [caller.id] if request.is_representative else [str(id) for id in records]
    return AccessList(page, frozenset(own_ids))


async def _find_page(
    connection: Connection, records: list[UUID], before: LedgerCursor, limit: int, *, to_representatives: bool
) -> AccessPage:
    """Reads one entry more than `limit` of each record, and so knows whether there are more."""
    newest: list[ShownEntry] = []
    for id in records:
        newest += await store.find_shown_entries(
            connection, id, before, limit + 1, to_representatives=to_representatives
        )
    newest.sort(key=lambda entry: (entry.occurred_at, entry.event_id), reverse=True)
    entries = newest[:limit]
    names = await find_names(
        connection,
        {id for entry in entries for id in entry.professional_ids},
        {id for entry in entries for id in entry.structure_ids},
    )
    return AccessPage(entries, names, len(newest) > limit)
