"""Shows the summary sheet of a record: what the facts of the documents say that the caller may see.

It decides and traces as a search does, for the record and then for each source; the facts are opened after that.
"""

from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.documents.domain.search import first_permit
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.summary.steps.opened_sheets import OpenedSheet, open_sheet
from services.records.summary.steps.sheet_searches import search_sheets
from shared.http.tokens import Caller
from shared.runtime import clock


@retry_while_locked
async def show_summary(context: ReadContext, caller: Caller, record_id: UUID) -> OpenedSheet:
    """Returns the sheet. Raises NotFoundError, ForbiddenError, UncheckableError."""
    async with context.pool.acquire() as connection:
        async with read_locked(connection):
            searches = await search_sheets(connection, context, caller, record_id)
        permit = first_permit([sheet.search for sheet in searches])
        return await open_sheet(connection, context, permit, caller, searches, clock.now())
