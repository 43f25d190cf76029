"""Writes a record's history as a CDA document (CNAM-HR 2021.01), which is neither stored nor listed.

Records knows nobody by name: the caller names the person, and the record's fingerprints confirm it.
"""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from services.records.copies.domain.traits import differing_traits
from services.records.copies.store.records import find_record
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.reimbursements.domain.cda.document import Patient, document
from services.records.reimbursements.domain.history import HistoryQuery
from services.records.reimbursements.steps.open_history import HistoryRules, open_history
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.errors import InvalidError
from shared.http.tokens import Caller
from shared.runtime import clock


class PatientMismatchError(InvalidError):
    """The INS or the traits are not those of the person of this record."""

    code = "patient-mismatch"
    french = "L’INS ou les traits ne sont pas ceux de la personne de ce dossier."


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
    if not await _is_of(context, writing.ins_hmac, record_id, patient):
        raise PatientMismatchError
    first, last = query.first or history.kept_from, query.last or clock.now().date()
    content = await asyncio.to_thread(document, patient, history.lines, first, last)
    return HistoryDocument(content, history.permit.notices)


async def _is_of(context: ReadContext, ring: Keyring, record_id: UUID, patient: Patient) -> bool:
    async with context.pool.acquire() as connection:
        record = await find_record(connection, ring.fingerprints(*ins_parts(patient.ins)))
    if record is None or record.id != record_id:
        return False
    return not differing_traits(ring, record_id, record.traits, patient.traits)
