"""Decides by the patient's choices whether a received document may enter the record; records has decided before it
stored the document (`submission_checks`)."""

from collections.abc import Sequence
from uuid import UUID

from services.consent.deposit_checks import store
from services.consent.deposit_checks.domain import (
    DEFAULT_RULES,
    DepositChecksRules,
    DepositContext,
    deposit_facts,
    require_known_codes,
)
from services.consent.kit.announcements import announce_effect
from shared.access import Facts, Permit, decide, encode_facts
from shared.contracts.consent import DepositDecided
from shared.contracts.records import CollectedConsentReported, DocumentReceived
from shared.db.pool import Connection
from shared.messaging.envelope import Message
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED, STEP_SECONDS


async def awaiting_version(
    connection: Connection, messages: Sequence[Message[DocumentReceived] | Message[CollectedConsentReported]]
) -> set[UUID]:
    """Returns the ids of messages that must wait.

    For these consent does not have the record yet, has an older version than the sender saw, has no choices of it, or
    may have lost commits about them.
    """
    contexts = await store.find_deposit_contexts(connection, {message.event.record_id for message in messages})
    return {
        message.id
        for message in messages
        if (context := contexts.get(message.event.record_id)) is None or context.awaits_version(message.event.seen)
    }


async def decide_deposits(
    connection: Connection, messages: list[Message[DocumentReceived]], *, rules: DepositChecksRules = DEFAULT_RULES
) -> None:
    """Decides all deposits of a batch with one read of their records, and announces the decisions together.

    Raises ValueUnknownError.
    """
    for message in messages:
        require_known_codes(message.event)
    contexts = await store.lock_deposit_contexts(connection, {message.event.record_id for message in messages})
    announcements = []
    for message in messages:
        event, context = message.event, contexts[message.event.record_id]
        decision = _decision_event(event, context, deposit_facts(event, context, rules))
        announcements.append(announce_effect(decision, cause=message))
        STEP_SECONDS.labels("decided").observe(max(0.0, (decision.decided_at - message.time).total_seconds()))
        if decision.outcome == "refused":
            REFUSED.labels("deposit-document", decision.reason).inc()
    await append(connection, announcements)


def _decision_event(event: DocumentReceived, context: DepositContext, facts: Facts) -> DepositDecided:
    decision = decide(facts)
    is_permitted = isinstance(decision, Permit)
    return DepositDecided(
        record_id=event.record_id,
        document_id=event.document_id,
        deposit_id=event.deposit_id,
        organisation_id=event.organisation_id,
        outcome="permitted" if is_permitted else "refused",
        reason=decision.rule if isinstance(decision, Permit) else decision.reason,
        rules_version=decision.rules_version,
        facts={**encode_facts(facts), "organisation_id": event.organisation_id},
        seen=context.seen,
        decided_at=clock.now(),
        mask=context.mask_new_documents and is_permitted,
    )
