"""Judges what structures collected from persons, and changes the choices where the access rules permit it.

A statement that changes nothing is not announced; one that is ignored is, with the reason, so that the person sees it.
"""

from dataclasses import dataclass
from datetime import datetime

from services.consent.choices.domain.choices import Change
from services.consent.choices.domain.states import ConsentState
from services.consent.choices.steps import next_state
from services.consent.choices.store import states
from services.consent.collected_consents import store
from services.consent.collected_consents.domain import (
    DEFAULT_RULES,
    CollectedConsentsRules,
    CollectedStatement,
    EarlierStatements,
    collected_facts,
    statements_of,
    status_of,
)
from services.consent.copies import store as copies
from services.consent.kit.announcements import announce_effect
from shared.access import Facts, Permit, Refusal, decide, encode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.base import Actor
from shared.contracts.records import CollectedConsentReported
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.messaging.envelope import Message
from shared.messaging.outbox import Announcement, append
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from shared.runtime.metrics import REFUSED

Report = Message[CollectedConsentReported]
RECORDED_ONLY = "period-ended"
"""The reason for which a statement counts as the structure's last one, although it gives nothing."""


async def judge_consents(
    connection: Connection, messages: list[Report], *, rules: CollectedConsentsRules = DEFAULT_RULES
) -> None:
    """Judges the statements of all reports in their order, and announces the new states and the ledger's entries."""
    record_ids = {message.event.record_id for message in messages}
    for record_id in sorted(record_ids, key=lambda id: (bucket_of(id), id)):
        await states.lock_state(connection, record_id)
    announcements: list[Announcement] = []
    for message in messages:
        for statement in statements_of(message.event):
            announcements += await _judge(connection, message, statement, rules)
    await append(connection, announcements)


@dataclass(frozen=True, slots=True)
class _Judgement:
    """A statement as a change, and its decision. `error`: why a change that the rules permit is not made."""

    change: Change
    facts: Facts
    decision: Permit | Refusal
    state: ConsentState
    error: ClientError | None = None

    @property
    def is_permitted(self) -> bool:
        return isinstance(self.decision, Permit) and self.error is None

    @property
    def reason(self) -> str:
        if self.error is not None:
            return self.error.code
        return self.decision.rule if isinstance(self.decision, Permit) else self.decision.reason


async def _judge(
    connection: Connection, message: Report, statement: CollectedStatement, rules: CollectedConsentsRules
) -> list[Announcement]:
    """Applies a statement, and returns what is to be announced."""
    event = message.event
    state = await states.lock_state(connection, event.record_id)
    applied = await store.find_applied(connection, event.record_id, event.organisation_id, statement.kind)
    if state is None or applied == statement:
        return []  # a record that was never open here; the same statement with a later message
    record = await copies.find_record_context(connection, event.record_id)
    if record is None:
        return []
    changes = await store.find_changes_by_patient_side(connection, event.record_id, event.organisation_id)
    earlier = EarlierStatements(applied, changes)
    now = clock.now()
    change = statement.as_change(event.organisation_id, rules)
    facts = collected_facts(change, status_of(statement, earlier, now, rules), record, state.choices)
    judgement = await _decide(connection, state, change, facts, now)
    if judgement.is_permitted or judgement.reason == RECORDED_ONLY:
        await store.upsert_applied(connection, event.record_id, event.organisation_id, statement)
    actor = Actor(kind="software", id=event.client_id, organisation_id=event.organisation_id, client_id=event.client_id)
    if not judgement.is_permitted:
        REFUSED.labels(change.action, judgement.reason).inc()
    elif judgement.state is state:
        return []
    else:
        await states.update_state(connection, judgement.state, change, actor)
    return _announcements(message, judgement, actor, statement.kind)


async def _decide(
    connection: Connection, state: ConsentState, change: Change, facts: Facts, now: datetime
) -> _Judgement:
    """Decides a change; the state is the next one where it is permitted and changes something."""
    decision = decide(facts)
    if isinstance(decision, Refusal):
        return _Judgement(change, facts, decision, state)
    try:
        return _Judgement(change, facts, decision, await next_state(connection, state, change, "software", now))
    except ClientError as error:
        return _Judgement(change, facts, decision, state, error)


def _announcements(message: Report, judgement: _Judgement, actor: Actor, kind: str) -> list[Announcement]:
    """Returns the new state, if there is one, and the ledger's entry."""
    access = AccessRecorded(
        record_id=message.event.record_id,
        actor=actor,
        action=judgement.change.action,
        outcome="permitted" if judgement.is_permitted else "refused",
        reason=judgement.reason,
        subject_id=judgement.change.subject_id,
        rules_version=judgement.decision.rules_version,
        state_version=judgement.state.version,
        facts=encode_facts(judgement.facts),
    )
    entry = announce_effect(access, cause=message, effect=f"{kind}-judged")
    if not judgement.is_permitted:
        return [entry]
    return [announce_effect(judgement.state.as_event(), cause=message, effect=f"{kind}-changed"), entry]
