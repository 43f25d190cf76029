"""Gives a professional the warnings of a prescription. Nothing of the prescription is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.documents.domain.search import first_permit
from services.records.facts.context import ReadContext
from services.records.kit.held_records import retry_while_locked
from services.records.warnings.context import WarningContext
from services.records.warnings.domain.acknowledgements import StoredAcknowledgement
from services.records.warnings.domain.prescription import Prescription
from services.records.warnings.domain.record_facts import UnreadCounts
from services.records.warnings.steps.acknowledged import open_acknowledged
from services.records.warnings.steps.checked_prescription import CheckedPrescription, check, confirm_prescribed
from services.records.warnings.steps.record_reading import decide_record, open_record
from shared.http.tokens import Caller


@dataclass(frozen=True, slots=True)
class GivenWarnings:
    """The checked prescription, what was not looked at, and the newest acknowledgement of each warning by its id."""

    checked: CheckedPrescription
    unread: UnreadCounts
    acknowledged: Mapping[UUID, StoredAcknowledgement]


@retry_while_locked
async def give_warnings(
    context: ReadContext, warnings: WarningContext, caller: Caller, record_id: UUID, prescription: Prescription
) -> GivenWarnings:
    """Returns the warnings; the reading is traced as one of the summary sheet.

    Raises WarningsOffError, NotPrescriberError, NotFoundError, ForbiddenError, UncheckableError, PatientMismatchError.
    """
    warnings.require(caller)
    async with context.pool.acquire() as connection:
        async with read_locked(connection):
            decided = await decide_record(connection, context, caller, record_id)
        permit = first_permit(decided.searches)
        await confirm_prescribed(connection, warnings, record_id, prescription)
        record = await open_record(connection, context, permit, decided.documents)
        checked = await check(connection, warnings, prescription, record)
        acknowledged = await open_acknowledged(connection, context, permit, decided)
    by_warning = {each.content.warning_id: each for each in reversed(acknowledged)}
    return GivenWarnings(checked, record.unread, by_warning)
