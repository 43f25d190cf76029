"""The patient's side asks what a change would do. Nothing changes and nobody is told; that it was asked is an entry."""

from dataclasses import dataclass
from uuid import UUID

from services.records.announcements import announce
from services.records.domain.copies import RecordFacts
from services.records.domain.facts import record_facts
from services.records.domain.reading import access_of, require_permit
from services.records.domain.versions import Versions
from services.records.domain.what_if import (
    Effect,
    Known,
    Supposed,
    Written,
    effects,
    named_professionals,
    seen_by,
    written,
)
from services.records.held_records import retried_while_held
from services.records.store import changing, finding
from services.records.store import reading as store
from services.records.store.professions import load_professions
from services.records.usecases.desk import Desk
from shared.access import Permit, Refusal, decide
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_in, bucket_of
from shared.runtime.metrics import REFUSED

ASKED_LIKE = "hide-section"
"""Who may change this of the rights may ask what a change would do."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is supposed: changes of rights, and labels of documents."""

    changes: tuple[Supposed, ...] = ()
    labels: tuple[tuple[UUID, str], ...] = ()


@retried_while_held
async def ask_what_if(desk: Desk, caller: Caller, record_id: UUID, question: Question) -> list[Effect]:
    """Only what the asker may see is counted. Raises NotFoundError, ForbiddenError, UncheckableError."""
    async with desk.pool.acquire() as connection:
        async with store.fenced(connection):
            found = await store.fence_by_id(connection, record_id)
            record = await store.load_facts(connection, desk.matrices, found, record_id.int)
            now = clock.now()
            facts = record_facts(
                caller,
                "change-rights",
                record,
                now=now,
                limit=desk.limit,
                parameters=desk.parameters,
                change=ASKED_LIKE,
            )
            decision = decide(facts)
            counted: dict[Written, int] = {}
            known: Known = {}
            moved: dict[UUID, tuple[Written, Written]] = {}
            if isinstance(decision, Permit):
                counted = await finding.count_all(connection, record_id)
                known = await load_professions(connection, named_professionals(record.choices, question.changes))
                moved = await _moved(connection, caller, record, question)
            if isinstance(decision, Refusal):
                REFUSED.labels("ask-what-if", decision.reason).inc()
            access = access_of(caller, "ask-what-if", (facts, decision), record)
            await append(connection, [announce(access)] if access is not None else [])
        require_permit(decision)
    visible = seen_by(caller, record, {*counted, *(was for was, _ in moved.values())}, now)
    moved = {id: change for id, change in moved.items() if change[0] in visible}
    if not moved.keys() >= {id for id, _ in question.labels}:
        raise NotFoundError
    counted = {one: number for one, number in counted.items() if one in visible}
    return effects(record, question.changes, counted, moved, known, now)


async def _moved(
    connection: Connection, caller: Caller, record: RecordFacts, question: Question
) -> dict[UUID, tuple[Written, Written]]:
    """Of each document whose label is supposed to change, and its other versions: what it is, and what it would be."""
    found: dict[UUID, tuple[Written, Written]] = {}
    for document_id, change in question.labels:
        if record.id is None or bucket_in(document_id) != bucket_of(record.id):
            continue
        head = await store.load_head(connection, document_id)
        if head is None or head.record_id != record.id:
            continue
        versions = Versions.of(head, await changing.load_versions(connection, head))
        new = {one.id: one for one in versions.changed(change, by_patient_side=True)}
        for one in versions.all:
            was = found.get(one.id, (written(one, caller),))[0]
            found[one.id] = (was, written(new.get(one.id, one), caller))
    return found
