"""Acknowledges warnings of a prescription with a reason: kept sealed, and entered in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.copies.store.records import find_record_by_id
from services.records.documents.domain.search import first_permit
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.warnings.context import WarningContext
from services.records.warnings.domain.acknowledgements import (
    WarningsChangedError,
    acknowledgement_of,
    checked_reason,
    seal_acknowledgement,
)
from services.records.warnings.domain.prescription import Prescription
from services.records.warnings.domain.warnings import PrescriptionWarning
from services.records.warnings.steps.checked_prescription import check, confirm_prescribed
from services.records.warnings.steps.record_reading import DecidedRecord, decide_record, open_record
from services.records.warnings.store.acknowledgements import SealedAcknowledgement, insert_acknowledgements
from shared.contracts.audit import MOTIVE, AccessRecorded
from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_of


@dataclass(frozen=True, slots=True)
class AcknowledgedWarnings:
    """A request: warnings of a prescription by their ids, and the reason."""

    prescription: Prescription
    warning_ids: frozenset[UUID]
    reason: str


@dataclass(frozen=True, slots=True)
class _Acknowledgement:
    """A warning that is acknowledged, with its new id in the record of its document."""

    id: UUID
    record_id: UUID
    warning: PrescriptionWarning


@retry_while_locked
async def acknowledge_warnings(
    context: ReadContext, warnings: WarningContext, caller: Caller, record_id: UUID, request: AcknowledgedWarnings
) -> list[UUID]:
    """Returns the ids of the acknowledgements. The warnings are given again: what is none any more is refused.

    Raises WarningsOffError, NotPrescriberError, ReasonInvalidError, NotFoundError, ForbiddenError, UncheckableError,
    PatientMismatchError, WarningsChangedError, SessionOverError.
    """
    ring, reason = warnings.require(caller), checked_reason(request.reason)
    acknowledged = await _warnings_of(context, warnings, caller, record_id, request)
    async with context.pool.acquire() as connection, read_locked(connection):
        await check_session(connection, caller.session_id)
        decided = await decide_record(connection, context, caller, record_id, is_traced=False)
        first_permit(decided.searches)
        documents = {document.id for document in decided.documents} | {None}
        if any(each.warning.document_id not in documents for each in acknowledged):
            raise WarningsChangedError
        await _store(connection, context, caller, acknowledged, reason)
        await append(connection, [announce(each) for each in _events(caller, decided, acknowledged, ring, reason)])
    return [each.id for each in acknowledged]


async def _warnings_of(
    context: ReadContext, warnings: WarningContext, caller: Caller, record_id: UUID, request: AcknowledgedWarnings
) -> list[_Acknowledgement]:
    """Returns the warnings that are acknowledged; this reading is traced. Raises WarningsChangedError."""
    async with context.pool.acquire() as connection:
        async with read_locked(connection):
            decided = await decide_record(connection, context, caller, record_id)
        permit = first_permit(decided.searches)
        await confirm_prescribed(connection, warnings, record_id, request.prescription)
        record = await open_record(connection, context, permit, decided.documents)
        checked = await check(connection, warnings, request.prescription, record)
    current = [warning for warning in checked.result.warnings if warning.id in request.warning_ids]
    if len(current) < len(request.warning_ids):
        raise WarningsChangedError
    places = [record_id if (id := each.document_id) is None else record.record_ids[id] for each in current]
    return [
        _Acknowledgement(clock.new_id(bucket_of(place)), place, warning)
        for place, warning in zip(places, current, strict=True)
    ]


async def _store(
    connection: Connection,
    context: ReadContext,
    caller: Caller,
    acknowledged: Sequence[_Acknowledgement],
    reason: str,
) -> None:
    moment = clock.now()
    for record_id in sorted({each.record_id for each in acknowledged}):
        copy = await find_record_by_id(connection, record_id)
        if copy is None:  # erased since
            raise WarningsChangedError
        key = context.vault.unwrap(record_id, copy.key)
        sealed = [
            SealedAcknowledgement(
                each.id,
                each.warning.document_id,
                moment,
                seal_acknowledgement(
                    key, each.id, acknowledgement_of(each.warning, reason, caller.id, caller.organisation_id)
                ),
            )
            for each in acknowledged
            if each.record_id == record_id
        ]
        await insert_acknowledgements(connection, record_id, moment, sealed)


def _events(
    caller: Caller, decided: DecidedRecord, acknowledged: Sequence[_Acknowledgement], ring: Keyring, reason: str
) -> list[AccessRecorded]:
    """Returns an entry of the ledger for each: it is about the document on which the warning rests, and is shown to
    those who may learn of that."""
    events = []
    for each in acknowledged:
        search = decided.search_of(each.record_id)
        rule_decision = RuleDecision(search.common, search.decision)
        event = access_event(caller, "acknowledge-warning", rule_decision, search.record, each.warning.document_id)
        assert event is not None, "the record is there"
        sealed = ring.encrypt_jwe(reason.encode(), MOTIVE)
        events.append(event.model_copy(update={"motive": sealed, "subject_id": str(each.id)}))
    return events
