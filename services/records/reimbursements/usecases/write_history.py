"""Writes a record's history as a CDA document (CNAM-HR 2021.01), which is neither stored nor listed.

Records knows nobody by name: the caller names the person, and the record's fingerprints confirm it.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from services.records.copies.store.records import confirm_person
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.reimbursements.domain.cda.document import Patient, document
from services.records.reimbursements.domain.history import HistoryQuery
from services.records.reimbursements.steps.open_history import HistoryRules, open_history
from shared.crypto.keyring import Keyring
from shared.http.tokens import Caller
from shared.runtime import clock


@dataclass(frozen=True, slots=True)
class HistoryDocument:
    """The document in UTF-8, and the notices for its reader."""

    content: bytes
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HistoryWriting:
    """What writing a history needs: the rules, and the ring of fingerprints, which confirms a person."""

    rules: HistoryRules
    ins_hmac: Keyring


@retry_while_locked
async def write_history(
    context: ReadContext,
    writing: HistoryWriting,
    caller: Caller,
    record_id: UUID,
    patient: Patient,
    query: HistoryQuery,
) -> HistoryDocument:
    """Returns the document about the period asked for, by default all that is kept.

    Raises PatientMismatchError, NotFoundError, ForbiddenError, UncheckableError.
    """
    history = await open_history(context, writing.rules, caller, record_id, query)
    async with context.pool.acquire() as connection:
        await confirm_person(connection, writing.ins_hmac, record_id, patient.ins, patient.traits)
    first, last = query.first or history.kept_from, query.last or clock.now().date()
    content = await asyncio.to_thread(document, patient, history.lines, first, last)
    return HistoryDocument(content, history.permit.notices)
