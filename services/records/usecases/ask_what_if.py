"""The patient's side asks what a change would do. Nothing changes and nobody is told; that it was asked is an entry."""

from dataclasses import dataclass
from uuid import UUID

from services.records.announcements import announce
from services.records.domain.copies import RecordFacts
from services.records.domain.facts import record_facts
from services.records.domain.reading import RuleDecision, access_event, require_permit
from services.records.domain.versions import DocumentVersions
from services.records.domain.what_if import (
    AuthoredFacts,
    ProfessionsById,
    RightsChange,
    VisibilityEffect,
    authored_facts,
    named_professionals,
    visibility_effects,
    visible_to,
)
from services.records.held_records import retry_while_locked
from services.records.store import changing, finding
from services.records.store import reading as store
from services.records.store.professions import load_professions
from services.records.usecases.desk import ReadContext
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
class WhatIfQuestion:
    """What is supposed: changes of rights, and labels of documents."""

    changes: tuple[RightsChange, ...] = ()
    labels: tuple[tuple[UUID, str], ...] = ()


@retry_while_locked
async def ask_what_if(
    context: ReadContext, caller: Caller, record_id: UUID, question: WhatIfQuestion
) -> list[VisibilityEffect]:
    """Only what the asker may see is counted. Raises NotFoundError, ForbiddenError, UncheckableError."""
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            fenced_id = await store.fence_by_id(connection, record_id)
            record = await store.load_facts(connection, context.matrices, fenced_id, record_id.int)
            now = clock.now()
            facts = record_facts(
                caller,
                "change-rights",
                record,
                now=now,
                max_copy_age=context.max_copy_age,
                parameters=context.parameters,
                change=ASKED_LIKE,
            )
            decision = decide(facts)
            counted: dict[AuthoredFacts, int] = {}
            professions: ProfessionsById = {}
            moved: dict[UUID, tuple[AuthoredFacts, AuthoredFacts]] = {}
            if isinstance(decision, Permit):
                counted = await finding.count_all(connection, record_id)
                professions = await load_professions(connection, named_professionals(record.choices, question.changes))
                moved = await _moved(connection, caller, record, question)
            if isinstance(decision, Refusal):
                REFUSED.labels("ask-what-if", decision.reason).inc()
            access = access_event(caller, "ask-what-if", RuleDecision(facts, decision), record)
            await append(connection, [announce(access)] if access is not None else [])
        require_permit(decision)
    visible = visible_to(caller, record, {*counted, *(was for was, _ in moved.values())}, now)
    moved = {id: change for id, change in moved.items() if change[0] in visible}
    if not moved.keys() >= {id for id, _ in question.labels}:
        raise NotFoundError
    counted = {document: number for document, number in counted.items() if document in visible}
    return visibility_effects(record, question.changes, counted, moved, professions, now)


async def _moved(
    connection: Connection, caller: Caller, record: RecordFacts, question: WhatIfQuestion
) -> dict[UUID, tuple[AuthoredFacts, AuthoredFacts]]:
    """Of each document whose label is supposed to change, and its other versions: what it is, and what it would be."""
    moved: dict[UUID, tuple[AuthoredFacts, AuthoredFacts]] = {}
    for document_id, change in question.labels:
        if record.id is None or bucket_in(document_id) != bucket_of(record.id):
            continue
        summary = await store.load_summary(connection, document_id)
        if summary is None or summary.record_id != record.id:
            continue
        versions = DocumentVersions.of(summary, await changing.load_versions(connection, summary))
        new = {version.id: version for version in versions.changed_versions(change, by_patient_side=True)}
        for version in versions.all:
            was = moved.get(version.id, (authored_facts(version, caller),))[0]
            moved[version.id] = (was, authored_facts(new.get(version.id, version), caller))
    return moved
