"""Changes the labels of a document, archives it, or deletes it: in force at the commit.

The transaction first locks the record's row FOR UPDATE, which waits for reads in progress. It makes all changes of the
request, or none, on every version of the document (`domain.versions`), and announces an event for each. Nothing is
deleted from the database: a deleted document becomes invisible to everybody.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.copies.store import reads as store
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.change_plan import (
    FIND,
    RELABEL,
    ChangePlan,
    ChangeRequest,
    DecidedChange,
    TargetFor,
    plan_changes,
)
from services.records.documents.domain.label_changes import sorted_labels
from services.records.documents.domain.versions import DocumentVersions
from services.records.documents.steps.document_requests import DocumentView
from services.records.documents.store import changes, contents
from services.records.documents.store.summaries import load_summaries, load_summary
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import access_event, error_for
from services.records.facts.domain.documents import DocumentSummary
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.revocations.steps import revoke_certificates
from shared.access import Refusal, encode_facts
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentRelabelled, DocumentWithdrawn
from shared.db.pool import Connection
from shared.errors import ClientError, NotFoundError, UncheckableError
from shared.http.ended_sessions import check_session
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.clock import bucket_in
from shared.runtime.metrics import REFUSED


@dataclass(frozen=True, slots=True)
class ChangedDocument:
    """The document after the changes. `view` is None where the caller may change but not see it (a blocked author)."""

    summary: DocumentSummary
    view: DocumentView | None


@retry_while_locked
async def change_document(
    context: ReadContext, caller: Caller, document_id: UUID, target_for: TargetFor, *, expected_version: int | None
) -> ChangedDocument:
    """Brings a document into the state that `target_for` returns. `expected_version`: the version in If-Match, if any.

    A document already in this state does not change. Raises SessionOverError, NotFoundError, ForbiddenError,
    UncheckableError, VersionDiffersError, and what `target_for` raises.
    """
    error: ClientError | None = None
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            request = await _load_request(context, connection, caller, document_id)
            sight = request.decide(FIND, request.document)
            try:
                await check_session(connection, caller.session_id)
                plan = plan_changes(request, sight, target_for, expected_version)
                await _carry_out(connection, request, plan)
            except ClientError as raised:
                error = raised
                await _record_failure(connection, request, document_id, raised)
        if error is not None:
            raise error
        changed = _changed_document(request, plan)
        if isinstance(sight.decision, Refusal):
            return ChangedDocument(changed, None)
        sealed = await contents.read_metadata(connection, sight.decision, changed.record_id, document_id)
    key = context.vault.unwrap(changed.record_id, sealed.key)
    metadata = sealed_contents.open_metadata(key, document_id, sealed.metadata)
    return ChangedDocument(changed, DocumentView(changed, metadata, None, sight.decision.notices))


async def _load_request(
    context: ReadContext, connection: Connection, caller: Caller, document_id: UUID
) -> ChangeRequest:
    record = await _lock_record(context, connection, document_id)
    versions = await _load_versions(connection, document_id) if record.id is not None else None
    cites = {id for version in versions.all for id in version.cites or ()} if versions is not None else set()
    cited = await load_summaries(connection, versions.requested.record_id, sorted(cites)) if versions and cites else {}
    return ChangeRequest(caller, record, versions, clock.now(), context.rules, cited)


async def _lock_record(context: ReadContext, connection: Connection, document_id: UUID) -> RecordContext:
    """Locks the document's record and the person's other one, in the order of ids, and loads their context.

    Raises UncheckableError where the link between them has changed meanwhile.
    """
    records = await changes.find_record_of_document(connection, document_id)
    if records is None:
        return await store.load_context(connection, context.matrices, None, bucket_in(document_id))
    locked = await changes.lock_records(connection, records.all)
    if not locked.issuperset(records.all):
        raise UncheckableError
    record = await store.load_context(connection, context.matrices, records.id, bucket_in(document_id))
    if record.linked_to != records.linked_to:
        raise UncheckableError
    return record


async def _load_versions(connection: Connection, document_id: UUID) -> DocumentVersions | None:
    summary = await load_summary(connection, document_id)
    return None if summary is None else DocumentVersions.of(summary, await changes.load_versions(connection, summary))


async def _carry_out(connection: Connection, request: ChangeRequest, plan: ChangePlan) -> None:
    """Writes and announces the changes. A refusal, and a request without changes, goes to the ledger alone."""
    decision = plan.rule_decision.decision
    if isinstance(decision, Refusal) or not plan.changes:
        await _record_access(connection, request, plan)
        return
    for version in plan.changed_versions.values():
        await changes.update_document(connection, version, request.at)
    withdrawn = [version for change in plan.changes if change.change == "delete" for version in change.versions]
    await revoke_certificates(connection, [(version.record_id, version.id) for version in withdrawn], request.at)
    events = [_change_event(request, change, version) for change in plan.changes for version in change.versions]
    await append(connection, [announce(event, occurred_at=request.at) for event in events])


async def _record_access(connection: Connection, request: ChangeRequest, plan: ChangePlan) -> None:
    decision = plan.rule_decision.decision
    if isinstance(decision, Refusal):
        REFUSED.labels(plan.ledger_action, decision.reason).inc()
    document_id = None if request.document is None else request.document.id
    event = access_event(request.requester, plan.ledger_action, plan.rule_decision, request.record, document_id)
    await append(connection, [announce(event)] if event is not None else [])


async def _record_failure(
    connection: Connection, request: ChangeRequest, document_id: UUID, error: ClientError
) -> None:
    """Records for the ledger a request that fails without a decision of the rules, such as an invalid patch."""
    REFUSED.labels(RELABEL, error.code).inc()
    if request.record.id is None:
        return
    event = AccessRecorded(
        record_id=request.record.id,
        actor=request.requester.actor(),
        action=RELABEL,
        outcome="refused",
        reason=error.code,
        document_id=document_id,
        mode=request.requester.mode,
        seen=request.record.seen_versions(request.requester.kind),
    )
    await append(connection, [announce(event)])


def _changed_document(request: ChangeRequest, plan: ChangePlan) -> DocumentSummary:
    """Returns the requested document after the changes. Raises the error of a refusal, NotFoundError."""
    decision = plan.rule_decision.decision
    if isinstance(decision, Refusal):
        raise error_for(decision)
    if request.document is None:
        raise NotFoundError
    changed = plan.changed_versions.get(request.document.id)
    return request.document if changed is None else replace(changed, changed_at=request.at)


def _change_event(
    request: ChangeRequest, change: DecidedChange, version: DocumentSummary
) -> DocumentRelabelled | DocumentWithdrawn:
    facts, decision = change.rule_decision
    if change.change == "delete":
        return DocumentWithdrawn(
            record_id=version.record_id,
            document_id=version.id,
            deposit_id=version.deposit_id,
            organisation_id=version.organisation_id,
            seen=request.record.seen_versions(request.requester.kind),
            actor=request.requester.actor(),
            rules_version=decision.rules_version,
            facts=encode_facts(facts),
            withdrawn_at=request.at,
        )
    return DocumentRelabelled(
        record_id=version.record_id,
        document_id=version.id,
        deposit_id=version.deposit_id,
        organisation_id=version.organisation_id,
        seen=request.record.seen_versions(request.requester.kind),
        actor=request.requester.actor(),
        change=change.change,
        labels=sorted_labels(version.labels),
        archived=version.archived,
        version=version.version,
        rules_version=decision.rules_version,
        facts=encode_facts(facts),
        changed_at=request.at,
    )
