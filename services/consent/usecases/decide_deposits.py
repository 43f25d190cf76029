"""A hospital has deposited a document: may it enter the record?"""

from uuid import UUID

from services.consent.announcements import announce_effect
from services.consent.domain.deposits import facts_of, require_known
from services.consent.domain.states import KnownRecord
from services.consent.store import known_records as store
from shared.access import Facts, Permit, decide, encode_facts
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentReceived
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED, STEP_SECONDS


async def deposits_behind(connection: Connection, messages: list[Message[DocumentReceived]]) -> set[UUID]:
    """The messages whose record is not here, or older than their sender saw it, or has no state of choices yet; and
    those whose record's choices may be older than they were, until they are recovered."""
    known = await store.find_known_records(connection, {message.event.record_id for message in messages})
    return {message.id for message in messages if _is_behind(known.get(message.event.record_id), message.event)}


def _is_behind(known: KnownRecord | None, event: DocumentReceived) -> bool:
    return known is None or not known.is_complete or known.is_behind(event.seen) or known.awaits_recovery


async def decide_deposits(
    connection: Connection, messages: list[Message[DocumentReceived]], *, masked_and_invisible: bool = False
) -> None:
    """One look at all records of the batch, one announcement of all answers.

    `masked_and_invisible`: the national parameter `cumul-invisible_patient-masque_ps`. Raises ValueUnknownError.
    """
    for message in messages:
        require_known(message.event)
    known = await store.share_known_records(connection, {message.event.record_id for message in messages})
    answers = []
    for message in messages:
        event, record = message.event, known[message.event.record_id]
        decided = _decide(event, record, facts_of(event, record, masked_and_invisible=masked_and_invisible))
        answers.append(announce_effect(decided, cause=message))
        STEP_SECONDS.labels("decided").observe(max(0.0, (decided.decided_at - message.time).total_seconds()))
        if decided.outcome == "refused":
            REFUSED.labels("deposit-document", decided.reason).inc()
    await append(connection, answers)


def _decide(event: DocumentReceived, known: KnownRecord, facts: Facts) -> DepositDecided:
    answer = decide(facts)
    permitted = isinstance(answer, Permit)
    return DepositDecided(
        record_id=event.record_id,
        document_id=event.document_id,
        deposit_id=event.deposit_id,
        organisation_id=event.organisation_id,
        outcome="permitted" if permitted else "refused",
        reason=answer.rule if isinstance(answer, Permit) else answer.reason,
        rules_version=answer.rules_version,
        facts={**encode_facts(facts), "organisation_id": event.organisation_id},
        seen=known.seen,
        decided_at=clock.now(),
        mask=known.mask_new_documents and permitted,
    )
