"""Shows the summary sheet of a record: what the facts of the documents say that the caller may see.

It decides and traces as a search does, for the record and then for each source; the facts are opened after that.
"""

from dataclasses import replace
from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.copies.store.records import confirm_person
from services.records.documents.domain.search import first_permit
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.summary.domain.sheet import SheetPatient
from services.records.summary.steps.opened_sheets import OpenedSheet, open_sheet
from services.records.summary.steps.sheet_searches import search_sheets
from shared.crypto.keyring import Keyring
from shared.http.tokens import Caller
from shared.runtime import clock


@retry_while_locked
async def show_summary(
    context: ReadContext, ring: Keyring, caller: Caller, record_id: UUID, patient: SheetPatient | None = None
) -> OpenedSheet:
    """Returns the sheet. `patient`: the person whom it names; without, it is anonymous.

    Raises PatientMismatchError, NotFoundError, ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with read_locked(connection):
            searches = await search_sheets(connection, context, caller, record_id)
        permit = first_permit([sheet.search for sheet in searches])
        if patient is not None:
            await confirm_person(connection, ring, record_id, patient.ins, patient.traits)
        opened = await open_sheet(connection, context, permit, caller, searches, clock.now())
    return replace(opened, sheet=replace(opened.sheet, patient=patient))
