"""Searches the public directory for the patient side. What it holds is public: a search is no entry of the ledger."""

from typing import NamedTuple
from uuid import UUID

from services.consent.directory import store
from services.consent.directory.domain import (
    MAX_SEARCHES,
    PAGE_SIZE,
    DirectoryForbiddenError,
    DirectoryQuery,
    DirectoryResult,
    TooManySearchesError,
)
from shared.access.facts import PATIENT_SIDE
from shared.db.pool import Pool, transaction
from shared.erasure.erased_records import erased_among
from shared.errors import NotFoundError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.runtime import clock


class DirectoryPage(NamedTuple):
    """Entries in the order of their names, and whether there are more."""

    results: list[DirectoryResult]
    has_more: bool


async def search_directory(
    pool: Pool, caller: Caller, query: DirectoryQuery, after: str | None = None
) -> DirectoryPage:
    """Returns a page of active entries. `after`: the id of the last entry of the page before.

    Raises DirectoryForbiddenError for other kinds of callers, TooManySearchesError, SessionOverError, and
    NotFoundError if the caller's own record was erased.
    """
    if caller.kind not in PATIENT_SIDE:
        raise DirectoryForbiddenError
    async with transaction(pool) as connection:
        await check_session(connection, caller.session_id)
        own_record_id = UUID(caller.id)
        if await erased_among(connection, [own_record_id]):
            raise NotFoundError
        count = await store.count_search(connection, own_record_id, clock.now())
        if count <= MAX_SEARCHES:
            results = await store.search(connection, query, after, PAGE_SIZE + 1)
    if count > MAX_SEARCHES:
        raise TooManySearchesError
    return DirectoryPage(results[:PAGE_SIZE], len(results) > PAGE_SIZE)
