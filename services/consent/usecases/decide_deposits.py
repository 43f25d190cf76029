"""A hospital has deposited a document: may it enter the record?"""

from uuid import UUID

from services.consent.domain.states import KnownRecord
from services.consent.store import states as store
from shared import clock
from shared.access import Permit, decide, told
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentReceived
from shared.contracts.topics import IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.decoding import Message
from shared.metrics import REFUSED, STEP_SECONDS
from shared.outbox import announce, append


async def deposits_behind(connection: Connection, messages: list[Message[DocumentReceived]]) -> set[UUID]:
    """The messages whose record is not here, or older than their sender saw it, or has no state of choices yet."""
    known = await store.find_known_records(connection, {message.event.record_id for message in messages})
    return {message.id for message in messages if _is_behind(known.get(message.event.record_id), message.event)}


def _is_behind(known: KnownRecord | None, event: DocumentReceived) -> bool:
    if known is None or not known.is_complete:
        return True
    return known.record_version < event.seen.get(IDENTITY_RECORDS.name, 1)


async def decide_deposits(connection: Connection, messages: list[Message[DocumentReceived]]) -> None:
    """One look at all records of the batch, one announcement of all answers."""
    known = await store.share_known_records(connection, {message.event.record_id for message in messages})
    answers = []
    for message in messages:
        decided = _decide(message.event, known[message.event.record_id])
        answers.append(announce(decided, trace=message.trace))
        STEP_SECONDS.labels("decided").observe(max(0.0, (decided.decided_at - message.time).total_seconds()))
        if decided.outcome == "refused":
            REFUSED.labels("deposit-document", decided.reason).inc()
    await append(connection, answers)


def _decide(event: DocumentReceived, known: KnownRecord) -> DepositDecided:
    facts = known.facts_of(event.organisation_id, frozenset(event.labels))
    answer = decide(facts)
    return DepositDecided(
        record_id=event.record_id,
        document_id=event.document_id,
        deposit_id=event.deposit_id,
        organisation_id=event.organisation_id,
        outcome="permitted" if isinstance(answer, Permit) else "refused",
        reason=answer.rule if isinstance(answer, Permit) else answer.reason,
        rules_version=answer.rules_version,
        facts={**told(facts), "organisation_id": event.organisation_id},
        seen=known.seen,
        decided_at=clock.now(),
        mask=known.mask_new_documents and isinstance(answer, Permit),
    )
