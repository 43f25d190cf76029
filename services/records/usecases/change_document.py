"""Somebody changes who must not see a document, archives it, or deletes it: in force at the commit.

The record's row is taken FOR UPDATE first, once no read is under way. All changes that are asked for are made, or
none; to every version of the document (`domain.versions`), each with its own event. Nothing is removed: a deleted
document is one that nobody sees.
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
    Requester,
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

Ask = Callable[[DocumentSummary], TargetState]
_ACTIONS: dict[str, tuple[str, Action]] = {
    "delete": ("delete", "delete-document"),
    "archive": ("archive", "archive-document"),
    "unarchive": ("archive", "archive-document"),
}
_LABEL: tuple[str, Action] = ("label", "label-document")


@dataclass(frozen=True, slots=True)
class Changed:
    """What the document is now. `view`: how it is shown; None to who may change but not see it (a blocked author)."""

    summary: DocumentSummary
    view: DocumentView | None


@dataclass(frozen=True, slots=True)
class _Step:
    """One change that was decided, and the versions that it makes others, as they are after it."""

    change: str
    judged: RuleDecision
    changed_versions: tuple[DocumentSummary, ...] = ()


@retry_while_locked
async def change_document(
    context: ReadContext, caller: Caller, document_id: UUID, ask: Ask, *, expected_version: int | None
) -> Changed:
    """`ask` says what the document is to be, given what it is; `known`: the version that the asker has seen.

    What is so already is no change. Raises SessionOverError, NotFoundError, ForbiddenError, UncheckableError,
    VersionDiffersError, and whatever `ask` raises.
    """
    unusable: ClientError | None = None
    async with context.pool.acquire() as connection:
        async with store.read_locked(connection):
            record = await _fenced(context, connection, document_id)
            versions = await _versions(connection, document_id) if record.id is not None else None
            summary = None if versions is None else versions.requested
            at = clock.now()
            looks = [_decide(caller, record, summary, look, context, at) for look in _looks(caller)]
            try:
                await check_session(connection, caller.session_id)
                steps = _judged(caller, record, versions, ask, expected_version, context, at, looks)
                await _keep(connection, caller, record, summary, steps, at)
            except ClientError as error:
                unusable = error
                await _trace_unusable(connection, caller, record, document_id, error)
        if unusable is not None:
            raise unusable
        last = steps[-1].judged[1]
        if isinstance(last, Refusal):
            raise error_for(last)
        if record.id is None or summary is None:
            raise NotFoundError
        changed = _last_of(steps).get(document_id, summary)
        if changed is not summary:
            changed = replace(changed, changed_at=at)
        sight = looks[-1][1]
        if isinstance(sight, Refusal):
            return Changed(changed, None)
        sealed = await store.read_metadata(connection, sight, record.id, document_id)
    key = context.vault.unwrap(record.id, sealed.key)
    metadata = sealing.open_metadata(key, document_id, sealed.metadata)
    return Changed(changed, DocumentView(changed, metadata, None, sight.notices))


async def _fenced(context: ReadContext, connection: Connection, document_id: UUID) -> RecordFacts:
    """Takes the rows of the document's record and of the person's other one, sorted, and loads the facts."""
    found = await changing.find_record_of_document(connection, document_id)
    if found is None:
        return await store.load_facts(connection, context.matrices, None, bucket_in(document_id))
    locked = await changing.lock_records(connection, found.all)
    if not locked.issuperset(found.all):
        raise UncheckableError
    record = await store.load_facts(connection, context.matrices, found.id, bucket_in(document_id))
    if record.linked_to != found.linked_to:
        raise UncheckableError
    return record


async def _versions(connection: Connection, document_id: UUID) -> DocumentVersions | None:
    summary = await store.load_summary(connection, document_id)
    return None if summary is None else DocumentVersions.of(summary, await changing.load_versions(connection, summary))


def _judged(  # noqa: PLR0913  # all that one request rests on
    caller: Caller,
    record: RecordFacts,
    versions: DocumentVersions | None,
    ask: Ask,
    expected_version: int | None,
    context: ReadContext,
    now: datetime,
    looks: list[RuleDecision],
) -> list[_Step]:
    """The changes with their answers, up to the first that is refused; without a change, whether one may look.

    What is asked for is looked at only for who may see the document, or owns it: so nothing of it is told to others.
    Raises UncheckableError where the document may have had newer labels: they would come back over this change.
    """
    looked = _Step("", next((one for one in looks if isinstance(one[1], Permit)), looks[0]))
    if versions is None or isinstance(looked.judged[1], Refusal):
        return [looked]
    if record.awaits_recovery:
        raise UncheckableError
    summary, by_patient_side = versions.requested, caller.kind in PATIENT_SIDE
    if expected_version is not None and expected_version != summary.version:
        raise VersionDiffersError
    steps: list[_Step] = []
    for change in changes_between(summary, ask(summary), by_patient_side=by_patient_side):
        judged = _decide(caller, record, versions.deciding_version(change), change, context, now)
        changed = versions.changed_versions(change, by_patient_side=by_patient_side)
        versions = versions.with_changed(changed)
        steps.append(_Step(change, judged, changed))
        if isinstance(judged[1], Refusal):
            break
    return steps or [looked]


def _last_of(steps: list[_Step]) -> dict[UUID, DocumentSummary]:
    """The versions that were changed, as they are after all of it."""
    return {summary.id: summary for step in steps for summary in step.changed_versions}


def _looks(caller: Caller) -> tuple[str, ...]:
    """By what it is found out whether somebody may know of a document: for a writer owning it, and last seeing it."""
    return ("",) if caller.kind in PATIENT_SIDE else ("archive", "")


def _decide(
    caller: Requester,
    record: RecordFacts,
    summary: DocumentSummary | None,
    change: str,
    context: ReadContext,
    now: datetime,
) -> RuleDecision:
    action = _ACTIONS.get(change, _LABEL)[0] if change else "find"
    common = record_facts(
        caller,
        action,
        record,
        now=now,
        max_copy_age=context.max_copy_age,
        parameters=context.parameters,
        change=change or None,
    )
    asked = combination_of(summary, caller) if summary is not None else ABSENT_DOCUMENT
    facts = document_facts(common, caller, record, asked)
    return RuleDecision(facts, decide(facts))


async def _keep(
    connection: Connection,
    caller: Caller,
    record: RecordFacts,
    summary: DocumentSummary | None,
    steps: list[_Step],
    at: datetime,
) -> None:
    """Writes and announces; what was refused is told to the ledger alone."""
    last = steps[-1]
    action = _ACTIONS.get(last.change, _LABEL)[1] if last.change else "find-documents"
    if isinstance(last.judged[1], Refusal) or not last.change:
        if isinstance(last.judged[1], Refusal):
            REFUSED.labels(action, last.judged[1].reason).inc()
        access = access_event(caller, action, last.judged, record, summary.id if summary else None)
        await append(connection, [announce(access)] if access is not None else [])
        return
    for changed in _last_of(steps).values():
        await changing.update_document(connection, changed, at)
    events = [_event(caller, record, step, changed, at) for step in steps for changed in step.changed_versions]
    await append(connection, [announce(event, occurred_at=at) for event in events])


async def _trace_unusable(
    connection: Connection, caller: Caller, record: RecordFacts, document_id: UUID, error: ClientError
) -> None:
    """What is asked for cannot be done, whoever asks: the ledger is told, the rules have no part in it."""
    REFUSED.labels(_LABEL[1], error.code).inc()
    if record.id is None:
        return
    refused = AccessRecorded(
        record_id=record.id,
        actor=caller.actor(),
        action=_LABEL[1],
        outcome="refused",
        reason=error.code,
        document_id=document_id,
        mode=caller.mode,
        seen=record.seen_versions(caller.kind),
    )
    await append(connection, [announce(refused)])


def _event(
    caller: Caller, record: RecordFacts, step: _Step, summary: DocumentSummary, at: datetime
) -> DocumentRelabelled | DocumentWithdrawn:
    facts, decision = step.judged
    if step.change == "delete":
        return DocumentWithdrawn(
            record_id=summary.record_id,
            document_id=summary.id,
            deposit_id=summary.deposit_id,
            organisation_id=summary.organisation_id,
            seen=record.seen_versions(caller.kind),
            actor=caller.actor(),
            rules_version=decision.rules_version,
            facts=encode_facts(facts),
            withdrawn_at=at,
        )
    return DocumentRelabelled(
        record_id=summary.record_id,
        document_id=summary.id,
        deposit_id=summary.deposit_id,
        organisation_id=summary.organisation_id,
        seen=record.seen_versions(caller.kind),
        actor=caller.actor(),
        change=step.change,
        labels=sorted_labels(summary.labels),
        archived=summary.archived,
        version=summary.version,
        rules_version=decision.rules_version,
        facts=encode_facts(facts),
        changed_at=at,
    )
