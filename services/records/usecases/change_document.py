"""Changes the labels of a document, archives it, or deletes it: in force at the commit.

The transaction first locks the record's row FOR UPDATE, which waits for reads in progress. It makes all changes of the
request, or none, on every version of the document (`domain.versions`), and announces an event for each. Nothing is
deleted from the database: a deleted document is one that nobody sees.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.records import sealing
from services.records.announcements import announce
from services.records.domain.copies import RecordFacts
from services.records.domain.documents import DocumentSummary
from services.records.domain.facts import (
    ABSENT_DOCUMENT,
    PATIENT_SIDE,
    combination_of,
    document_facts,
    record_facts,
)
from services.records.domain.patching import TargetState, VersionDiffersError, changes_between, sorted_labels
from services.records.domain.reading import RuleDecision, access_event, error_for
from services.records.domain.versions import DocumentVersions
from services.records.held_records import retry_while_locked
from services.records.store import changing
from services.records.store import reading as store
from services.records.usecases.desk import ReadContext
from services.records.usecases.read_document import DocumentView
from shared.access import Permit, Refusal, decide, encode_facts
from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.records import DocumentRelabelled, DocumentWithdrawn
from shared.db.pool import Connection
from shared.errors import ClientError, NotFoundError, UncheckableError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_in
from shared.runtime.metrics import REFUSED

TargetFor = Callable[[DocumentSummary], TargetState]
"""Returns the state that the request wants, from the present document."""


@dataclass(frozen=True, slots=True)
class ChangedDocument:
    """The document after the changes. `view` is None where the caller may change it and not see it (blocked author)."""

    summary: DocumentSummary
    view: DocumentView | None


@dataclass(frozen=True, slots=True)
class _Question:
    """A question to the rules: their action and change, and the ledger's action."""

    rules_action: str
    ledger_action: Action
    change: str | None = None


_FIND = _Question("find", "find-documents")
_RELABEL: Action = "label-document"


def _question_about(change: str) -> _Question:
    match change:
        case "delete":
            return _Question("delete", "delete-document", change)
        case "archive" | "unarchive":
            return _Question("archive", "archive-document", change)
        case _:
            return _Question("label", _RELABEL, change)


@dataclass(frozen=True, slots=True)
class _Request:
    """A request to change a document, with the state of the record and the document at the moment `at`.

    `versions` is None where there is no such document.
    """

    context: ReadContext
    caller: Caller
    document_id: UUID
    record: RecordFacts
    versions: DocumentVersions | None
    at: datetime

    @property
    def document(self) -> DocumentSummary | None:
        return None if self.versions is None else self.versions.requested

    @property
    def is_by_patient_side(self) -> bool:
        return self.caller.kind in PATIENT_SIDE

    def decide(self, question: _Question, version: DocumentSummary | None) -> RuleDecision:
        """Lets the rules decide on a question about one version of the document."""
        common = record_facts(
            self.caller,
            question.rules_action,
            self.record,
            now=self.at,
            max_copy_age=self.context.max_copy_age,
            parameters=self.context.parameters,
            change=question.change,
        )
        combination = ABSENT_DOCUMENT if version is None else combination_of(version, self.caller)
        facts = document_facts(common, self.caller, self.record, combination)
        return RuleDecision(facts, decide(facts))


@dataclass(frozen=True, slots=True)
class _DecidedChange:
    """One change with its decision, and the versions that it affects, as they are after it."""

    change: str
    rule_decision: RuleDecision
    versions: tuple[DocumentSummary, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a request does: the changes up to the first that is refused.

    `knowledge`: the decision whether the caller may know of the document. Without it there are no changes.
    """

    knowledge: RuleDecision
    changes: tuple[_DecidedChange, ...] = ()

    @property
    def rule_decision(self) -> RuleDecision:
        """The decision on the whole request: that on the last change, or on the knowledge where nothing changes."""
        return self.changes[-1].rule_decision if self.changes else self.knowledge

    @property
    def ledger_action(self) -> Action:
        return _question_about(self.changes[-1].change).ledger_action if self.changes else _FIND.ledger_action

    @property
    def changed_versions(self) -> dict[UUID, DocumentSummary]:
        """The affected versions by id, as they are after all changes."""
        return {version.id: version for change in self.changes for version in change.versions}


@retry_while_locked
async def change_document(
    context: ReadContext, caller: Caller, document_id: UUID, target_for: TargetFor, *, expected_version: int | None
) -> ChangedDocument:
    """Brings a document into the state that `target_for` returns. `expected_version`: the version in If-Match, if any.

    Where the document is in this state already, nothing changes. Raises SessionOverError, NotFoundError,
    ForbiddenError, UncheckableError, VersionDiffersError, and what `target_for` raises.
    """
    error: ClientError | None = None
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            request = await _load_request(context, connection, caller, document_id)
            sight = request.decide(_FIND, request.document)
            try:
                await check_session(connection, caller.session_id)
                plan = _plan(request, sight, target_for, expected_version)
                await _carry_out(connection, request, plan)
            except ClientError as raised:
                error = raised
                await _record_failure(connection, request, raised)
        if error is not None:
            raise error
        changed = _changed_document(request, plan)
        if isinstance(sight.decision, Refusal):
            return ChangedDocument(changed, None)
        sealed = await store.read_metadata(connection, sight.decision, changed.record_id, document_id)
    key = context.vault.unwrap(changed.record_id, sealed.key)
    metadata = sealing.open_metadata(key, document_id, sealed.metadata)
    return ChangedDocument(changed, DocumentView(changed, metadata, None, sight.decision.notices))


async def _load_request(context: ReadContext, connection: Connection, caller: Caller, document_id: UUID) -> _Request:
    record = await _lock_record(context, connection, document_id)
    versions = await _load_versions(connection, document_id) if record.id is not None else None
    return _Request(context, caller, document_id, record, versions, clock.now())


async def _lock_record(context: ReadContext, connection: Connection, document_id: UUID) -> RecordFacts:
    """Locks the document's record and the person's other one, in the order of ids, and loads their facts.

    Raises UncheckableError where the link between them has changed meanwhile.
    """
    records = await changing.find_record_of_document(connection, document_id)
    if records is None:
        return await store.load_facts(connection, context.matrices, None, bucket_in(document_id))
    locked = await changing.lock_records(connection, records.all)
    if not locked.issuperset(records.all):
        raise UncheckableError
    facts = await store.load_facts(connection, context.matrices, records.id, bucket_in(document_id))
    if facts.linked_to != records.linked_to:
        raise UncheckableError
    return facts


async def _load_versions(connection: Connection, document_id: UUID) -> DocumentVersions | None:
    summary = await store.load_summary(connection, document_id)
    return None if summary is None else DocumentVersions.of(summary, await changing.load_versions(connection, summary))


def _plan(request: _Request, sight: RuleDecision, target_for: TargetFor, expected_version: int | None) -> _Plan:
    """Decides on the changes of the request.

    The target state is evaluated only for callers who may know of the document, so that its errors disclose nothing to
    others. Raises VersionDiffersError, what `target_for` raises, and UncheckableError where the document may have had
    newer labels, which the recovery would restore over this change.
    """
    knowledge = _knowledge(request, sight)
    document = request.document
    if document is None or isinstance(knowledge.decision, Refusal):
        return _Plan(knowledge)
    if request.record.awaits_recovery:
        raise UncheckableError
    if expected_version is not None and expected_version != document.version:
        raise VersionDiffersError
    changes = changes_between(document, target_for(document), by_patient_side=request.is_by_patient_side)
    return _Plan(knowledge, tuple(_decide_changes(request, changes)))


def _knowledge(request: _Request, sight: RuleDecision) -> RuleDecision:
    """Decides whether the caller may know of the document: the patient side by seeing it, others also by owning it."""
    if request.is_by_patient_side:
        return sight
    ownership = request.decide(_question_about("archive"), request.document)
    if isinstance(ownership.decision, Permit) or isinstance(sight.decision, Refusal):
        return ownership
    return sight


def _decide_changes(request: _Request, changes: list[str]) -> list[_DecidedChange]:
    """Returns the changes with their decisions, each after the ones before it, up to the first that is refused."""
    versions = request.versions
    assert versions is not None, "only a document that is here is changed"
    decided: list[_DecidedChange] = []
    for change in changes:
        rule_decision = request.decide(_question_about(change), versions.deciding_version(change))
        changed = versions.changed_versions(change, by_patient_side=request.is_by_patient_side)
        decided.append(_DecidedChange(change, rule_decision, changed))
        if isinstance(rule_decision.decision, Refusal):
            break
        versions = versions.with_changed(changed)
    return decided


async def _carry_out(connection: Connection, request: _Request, plan: _Plan) -> None:
    """Writes and announces the changes. A refusal, and a request without changes, goes to the ledger alone."""
    decision = plan.rule_decision.decision
    if isinstance(decision, Refusal) or not plan.changes:
        await _record_access(connection, request, plan)
        return
    for version in plan.changed_versions.values():
        await changing.update_document(connection, version, request.at)
    events = [_change_event(request, change, version) for change in plan.changes for version in change.versions]
    await append(connection, [announce(event, occurred_at=request.at) for event in events])


async def _record_access(connection: Connection, request: _Request, plan: _Plan) -> None:
    decision = plan.rule_decision.decision
    if isinstance(decision, Refusal):
        REFUSED.labels(plan.ledger_action, decision.reason).inc()
    document_id = None if request.document is None else request.document.id
    event = access_event(request.caller, plan.ledger_action, plan.rule_decision, request.record, document_id)
    await append(connection, [announce(event)] if event is not None else [])


async def _record_failure(connection: Connection, request: _Request, error: ClientError) -> None:
    """Records for the ledger a request that fails without a decision of the rules, such as an invalid patch."""
    REFUSED.labels(_RELABEL, error.code).inc()
    if request.record.id is None:
        return
    event = AccessRecorded(
        record_id=request.record.id,
        actor=request.caller.actor(),
        action=_RELABEL,
        outcome="refused",
        reason=error.code,
        document_id=request.document_id,
        mode=request.caller.mode,
        seen=request.record.seen_versions(request.caller.kind),
    )
    await append(connection, [announce(event)])


def _changed_document(request: _Request, plan: _Plan) -> DocumentSummary:
    """Returns the requested document after the changes. Raises the error of a refusal, NotFoundError."""
    decision = plan.rule_decision.decision
    if isinstance(decision, Refusal):
        raise error_for(decision)
    if request.document is None:
        raise NotFoundError
    changed = plan.changed_versions.get(request.document_id)
    return request.document if changed is None else replace(changed, changed_at=request.at)


def _change_event(
    request: _Request, change: _DecidedChange, version: DocumentSummary
) -> DocumentRelabelled | DocumentWithdrawn:
    facts, decision = change.rule_decision
    if change.change == "delete":
        return DocumentWithdrawn(
            record_id=version.record_id,
            document_id=version.id,
            deposit_id=version.deposit_id,
            organisation_id=version.organisation_id,
            seen=request.record.seen_versions(request.caller.kind),
            actor=request.caller.actor(),
            rules_version=decision.rules_version,
            facts=encode_facts(facts),
            withdrawn_at=request.at,
        )
    return DocumentRelabelled(
        record_id=version.record_id,
        document_id=version.id,
        deposit_id=version.deposit_id,
        organisation_id=version.organisation_id,
        seen=request.record.seen_versions(request.caller.kind),
        actor=request.caller.actor(),
        change=change.change,
        labels=sorted_labels(version.labels),
        archived=version.archived,
        version=version.version,
        rules_version=decision.rules_version,
        facts=encode_facts(facts),
        changed_at=request.at,
    )
