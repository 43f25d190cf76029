"""Receives an ADT message: compares the identity with the record's, and reports the consents that it carries.

It opens no record. Where there is no open record it is accepted and nothing is kept: a refusal would stop the whole
flow of a hospital.
"""

from functools import partial

from services.records.copies.domain.copies import RecordCopy
from services.records.copies.domain.traits import differing_traits
from services.records.copies.store.professions import load_professions
from services.records.deposits.domain.submissions import TraitsMismatchError
from services.records.deposits.steps.refusals import trace_refusal
from services.records.hl7v2.context import Effect, Hl7v2Context
from services.records.hl7v2.domain.admission import (
    IDENTITY_EVENTS,
    CollectedConsents,
    consents_of,
    event_of,
    professional_ids,
)
from services.records.hl7v2.domain.patient import ins_of_message, traits_of_message
from services.records.hl7v2.steps import find_record_of
from services.records.kit.announcements import announce
from services.records.kit.metrics import CONSENTS_WITHOUT_RECORD
from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.records import CollectedConsentReported
from shared.contracts.topics import IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.erasure.erased_records import erased_among
from shared.hl7v2.message import Message
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock


async def receive_admission(context: Hl7v2Context, sender: Caller, message: Message) -> Effect | None:
    """Returns what is to be stored of an accepted message, None for nothing.

    Raises MessageRefusedError (AE 101 to 103, for what the segment ZFA says) and TraitsMismatchError.
    """
    consents = consents_of(message, clock.now())
    if consents is None and event_of(message) not in IDENTITY_EVENTS:
        return None
    record = await _find_open_record(context, message)
    if record is None:
        if consents is not None:
            CONSENTS_WITHOUT_RECORD.inc()
        return None
    if differing_traits(context.ins_hmac, record.id, record.traits, traits_of_message(message)):
        raise await _traits_mismatch(context, sender, record, "check-record" if consents is None else "report-consents")
    if consents is None:
        return None
    professional_id = await _find_professional(context, message)
    return partial(_report, event=_report_event(sender, record, consents, professional_id), sender=sender)


async def _find_open_record(context: Hl7v2Context, message: Message) -> RecordCopy | None:
    ins = ins_of_message(message)
    if ins is None:
        return None
    record = await find_record_of(context, ins)
    return record if record is not None and record.status == "open" else None


async def _traits_mismatch(
    context: Hl7v2Context, sender: Caller, record: RecordCopy, action: Action
) -> TraitsMismatchError:
    """Records the refusal, which the patient can see, and returns its error."""
    error = TraitsMismatchError()
    async with context.read.pool.acquire() as connection:
        await trace_refusal(connection, sender, record, action, error.code)
    return error


async def _find_professional(context: Hl7v2Context, message: Message) -> str | None:
    """Returns the responsible professional of PV1-7, None where the directory does not have one of that number."""
    ids = professional_ids(message)
    if not ids:
        return None
    async with context.read.pool.acquire() as connection:
        professions = await load_professions(connection, ids)
    return next((id for id in ids if professions.get(id) is not None), None)


def _report_event(
    sender: Caller, record: RecordCopy, consents: CollectedConsents, professional_id: str | None
) -> CollectedConsentReported:
    return CollectedConsentReported(
        record_id=record.id,
        organisation_id=sender.organisation_id or "",
        client_id=sender.client_id,
        feeding=consents.feeding,
        feeding_at=consents.feeding_at,
        consultation=consents.consultation,
        consultation_at=consents.consultation_at,
        stay_until=consents.stay_until,
        professional_id=professional_id,
        reported_at=clock.now(),
        seen={IDENTITY_RECORDS.name: record.version},
    )


async def _report(connection: Connection, *, event: CollectedConsentReported, sender: Caller) -> None:
    """Announces the consents to consent and to the ledger; nothing of a record that has been erased meanwhile."""
    if await erased_among(connection, [event.record_id]):
        return
    access = AccessRecorded(
        record_id=event.record_id,
        actor=sender.actor(),
        action="report-consents",
        outcome="permitted",
        reason="consents-collected",
        subject_id=event.professional_id,
        seen=event.seen,
    )
    await append(connection, [announce(event), announce(access)])
