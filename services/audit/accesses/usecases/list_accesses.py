"""Lists who did what with a record, for the patient or a representative; for the patient in both linked records."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from services.audit.accesses import store
from services.audit.accesses.domain import ShownEntry
from services.audit.accesses.steps import check_access_request
from services.audit.ledger.domain.cursors import LedgerCursor
from shared.db.pool import Connection, Pool, transaction
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.public_names import PublicNames, find_names
from shared.runtime import clock

EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
CLOCKS_DIFFER: Final = timedelta(days=1)
WHOLE_PAGE: Final = 500
"""Entries of a page of the whole list."""


class PagePlace(NamedTuple):
    """Where a page begins, its largest number of entries, and which entries it holds.

    `hides_own`: the reader's own acts are counted, not listed; `document_id`: only entries about this document.
    """

    before: LedgerCursor
    limit: int
    hides_own: bool = False
    document_id: UUID | None = None


class AccessPage(NamedTuple):
    """A page of entries, newest first, with the public names in it, and whether there are older entries.

    `own_hidden`: the number of the reader's own acts in this part of the list that are not listed.
    """

    entries: list[ShownEntry]
    names: PublicNames
    has_more: bool
    own_hidden: int = 0


class AccessList(NamedTuple):
    """A page of the list. `own_ids`: the actor ids under which the caller has acted."""

    page: AccessPage
    own_ids: frozenset[str]


def newest_cursor() -> LedgerCursor:
    """Returns the cursor before which every entry lies, also those of clocks that run ahead."""
    return LedgerCursor(clock.now() + CLOCKS_DIFFER, UUID(int=0))


async def list_accesses(
    pool: Pool, record_id: UUID, caller: Caller, place: PagePlace, max_copy_age: timedelta
) -> AccessList:
    """Returns a page of the accesses, newest first.

    Each request is announced to the ledger of every record that it reads, before anything is returned; a refused
    request is announced too. A representative sees one record while it is open, without documents that are invisible to
    representatives and without secret connections.

    Raises ForbiddenError for other callers; NotFoundError for another record, or one that was erased; UncheckableError
    if the copy is older than `max_copy_age`.
    """
    return await _read_page(pool, record_id, caller, place, max_copy_age, is_announced=True)


async def list_all_accesses(
    pool: Pool, record_id: UUID, caller: Caller, before: LedgerCursor, max_copy_age: timedelta
) -> AsyncIterator[AccessList]:
    """Yields all pages of the accesses before a cursor, newest first.

    The whole is one access in the ledger, announced before the first page. Each page is decided on again, each in a
    transaction of its own: the caller's right may end meanwhile. Raises as `list_accesses`.
    """
    place, is_announced = PagePlace(before, WHOLE_PAGE), True
    while True:
        accesses = await _read_page(pool, record_id, caller, place, max_copy_age, is_announced=is_announced)
        yield accesses
        if not accesses.page.has_more:
            return
        last = accesses.page.entries[-1]
        place, is_announced = PagePlace(LedgerCursor(last.occurred_at, last.event_id), WHOLE_PAGE), False


async def _read_page(
    pool: Pool, record_id: UUID, caller: Caller, place: PagePlace, max_copy_age: timedelta, *, is_announced: bool
) -> AccessList:
    """Decides and returns a page; a refusal is announced in any case."""
    async with transaction(pool) as connection:
        request = await check_access_request(connection, caller, record_id, max_copy_age)
        records = await request.readable_records(connection)
        own_ids = (caller.id,) if request.is_representative else tuple(str(id) for id in records)
        hidden_actors = own_ids if place.hides_own else ()
        entry_filter = store.EntryFilter(request.is_representative, place.document_id, hidden_actors)
        page = await _find_page(connection, records, place, entry_filter)
        if is_announced or not request.is_permitted:
            await append(connection, request.announcements("list-accesses", records))
    request.raise_if_refused("list-accesses")
    return AccessList(page, frozenset(own_ids))


async def _find_page(
    connection: Connection, records: list[UUID], place: PagePlace, entry_filter: store.EntryFilter
) -> AccessPage:
    """Returns a page; reads one entry more than its limit of each record, to know whether there are more."""
    limit = place.limit
    newest: list[ShownEntry] = []
    for id in records:
        newest += await store.find_shown_entries(connection, id, place.before, limit + 1, entry_filter)
    newest.sort(key=lambda entry: (entry.occurred_at, entry.event_id), reverse=True)
    entries = newest[:limit]
    names = await find_names(
        connection,
        {id for entry in entries for id in entry.professional_ids},
        {id for entry in entries for id in entry.structure_ids},
    )
    has_more, own_hidden = len(newest) > limit, 0
    since = entries[-1].occurred_at if has_more else EARLIEST
    for id in records if entry_filter.hidden_actors else ():
        own_hidden += await store.count_hidden(connection, id, place.before, since, entry_filter)
    return AccessPage(entries, names, has_more, own_hidden)
