"""Previews a change of rights or labels for the patient side.

It changes and announces nothing, except that the ledger gets an entry of the request.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.records.copies.domain.copies import ProfessionsById, RecordFacts
from services.records.copies.store import reads as store
from services.records.copies.store.professions import load_professions
from services.records.documents.domain.versions import DocumentVersions
from services.records.documents.store import changes, search
from services.records.documents.store.summaries import load_summary
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event, require_permit
from services.records.facts.domain.facts import AuthoredFacts, record_facts
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.what_if.domain.what_if import (
    ChangedFacts,
    LabelChange,
    RightsChange,
    VisibilityEffect,
    authored_facts,
    named_professionals,
    visibility_effects,
    visible_to,
)
from shared.access import Permit, Refusal, decide
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_in, bucket_of
from shared.runtime.metrics import REFUSED

REQUIRED_CHANGE = "hide-section"
"""Callers who may make this change of rights may ask for a preview."""


@dataclass(frozen=True, slots=True)
class WhatIfQuestion:
    """The supposed changes of rights and of documents' labels."""

    changes: tuple[RightsChange, ...] = ()
    labels: tuple[LabelChange, ...] = ()


@dataclass(frozen=True, slots=True)
class _Documents:
    """The documents of a record for a preview.

    `counts`: how many documents have which facts. `changed`: the documents whose label would change, with all their
    versions. `professions`: of the professionals who are possible readers.
    """

    counts: Mapping[AuthoredFacts, int]
    changed: Mapping[UUID, ChangedFacts]
    professions: ProfessionsById

    @property
    def kinds(self) -> set[AuthoredFacts]:
        """The facts that documents have at present."""
        return {*self.counts, *(document.before for document in self.changed.values())}

    def restrict_to(self, visible: frozenset[AuthoredFacts]) -> "_Documents":
        """Returns only the documents with these facts at present."""
        return replace(
            self,
            counts={facts: number for facts, number in self.counts.items() if facts in visible},
            changed={id: document for id, document in self.changed.items() if document.before in visible},
        )


_NO_DOCUMENTS = _Documents({}, {}, {})


@retry_while_locked
async def ask_what_if(
    context: ReadContext, caller: Caller, record_id: UUID, question: WhatIfQuestion
) -> list[VisibilityEffect]:
    """Returns what each possible reader would lose and gain, among the documents that the caller may see.

    Raises NotFoundError, ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            fenced_id = await store.fence_by_id(connection, record_id)
            record = await store.load_facts(connection, context.matrices, fenced_id, record_id.int)
            now = clock.now()
            rule_decision = _decide(context, caller, record, now)
            documents = _NO_DOCUMENTS
            if isinstance(rule_decision.decision, Permit):
                documents = await _load_documents(connection, caller, record_id, record, question)
            await _record_access(connection, caller, rule_decision, record)
        require_permit(rule_decision.decision)
    documents = documents.restrict_to(visible_to(caller, record, documents.kinds, now))
    if not documents.changed.keys() >= {label.document_id for label in question.labels}:
        raise NotFoundError
    return visibility_effects(record, question.changes, documents.counts, documents.changed, documents.professions, now)


def _decide(context: ReadContext, caller: Caller, record: RecordFacts, now: datetime) -> RuleDecision:
    facts = record_facts(
        caller,
        "change-rights",
        record,
        now=now,
        rules=context.rules,
        change=REQUIRED_CHANGE,
    )
    return RuleDecision(facts, decide(facts))


async def _record_access(
    connection: Connection, caller: Caller, rule_decision: RuleDecision, record: RecordFacts
) -> None:
    if isinstance(rule_decision.decision, Refusal):
        REFUSED.labels("ask-what-if", rule_decision.decision.reason).inc()
    event = access_event(caller, "ask-what-if", rule_decision, record)
    await append(connection, [announce(event)] if event is not None else [])


async def _load_documents(
    connection: Connection, caller: Caller, record_id: UUID, record: RecordFacts, question: WhatIfQuestion
) -> _Documents:
    return _Documents(
        counts=await search.count_all(connection, record_id),
        professions=await load_professions(connection, named_professionals(record.choices, question.changes)),
        changed=await _load_changed_facts(connection, caller, record, question.labels),
    )


async def _load_changed_facts(
    connection: Connection, caller: Caller, record: RecordFacts, labels: Sequence[LabelChange]
) -> dict[UUID, ChangedFacts]:
    """Returns the facts before and after of each document whose label would change, and of its other versions."""
    changed_facts: dict[UUID, ChangedFacts] = {}
    for label in labels:
        versions = await _load_versions(connection, record, label.document_id)
        if versions is None:
            continue
        relabelled = {version.id: version for version in versions.changed_versions(label.change, by_patient_side=True)}
        for version in versions.all:
            earlier = changed_facts.get(version.id)
            changed_facts[version.id] = ChangedFacts(
                before=authored_facts(version, caller) if earlier is None else earlier.before,
                after=authored_facts(relabelled.get(version.id, version), caller),
            )
    return changed_facts


async def _load_versions(connection: Connection, record: RecordFacts, document_id: UUID) -> DocumentVersions | None:
    """Returns the versions of a document; None where this record has no such document."""
    if record.id is None or bucket_in(document_id) != bucket_of(record.id):
        return None
    summary = await load_summary(connection, document_id)
    if summary is None or summary.record_id != record.id:
        return None
    return DocumentVersions.of(summary, await changes.load_versions(connection, summary))
