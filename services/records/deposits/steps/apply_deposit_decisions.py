"""Applies a decision of consent on a deposit, exactly once: the document is published, or refused for ever.

A published document supersedes the one that it replaces at the same moment. If two documents would replace the same
one, the first is published and the other refused.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.records.copies.store import copies
from services.records.copies.store.copies import CopyVersions
from services.records.deposits.store import outcomes
from services.records.deposits.store.outcomes import DocumentOutcome, PendingDocument
from services.records.documents.domain.label_changes import sorted_labels
from services.records.facts.domain.documents import DocumentStatus
from services.records.facts.domain.facts import masker_of
from services.records.kit.announcements import announce_effect
from services.records.recovery.steps import record_lost_documents
from services.records.revocations.steps import revoke_certificates
from shared.contracts.base import Actor
from shared.contracts.consent import DepositDecided
from shared.contracts.records import DocumentPublished, DocumentRefused, DocumentReplaced
from shared.contracts.topics import CONSENT_STATES, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.errors import PermanentError
from shared.messaging.envelope import Message
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED, STEP_SECONDS
from shared.terminology.visibility import Visibility

DecisionMessage = Message[DepositDecided]
_HIDING_LABELS = frozenset(label.value for label in Visibility)
_HIDDEN_FROM_REPRESENTATIVES = frozenset({Visibility.INVISIBLE_TO_REPRESENTATIVES.value})
REPLACED_ALREADY = "replaced-already"
"""The reason why a deposit that consent permitted is refused: the document that it would replace is not current."""


class DocumentElsewhereError(PermanentError):
    """A decision is about a document of another record."""

    code = "document-elsewhere"


@dataclass(frozen=True, slots=True)
class _DecisionToApply:
    """A decision, its document as it will be, and the one that it replaces. `reason`: of a refusal, else None."""

    message: DecisionMessage
    document: PendingDocument
    reason: str | None
    replaced: PendingDocument | None = None

    @property
    def is_published(self) -> bool:
        return self.reason is None


async def apply_deposit_decisions(connection: Connection, messages: list[DecisionMessage]) -> None:
    """Applies the decisions on received documents; settled ones keep their outcome, missing ones are recorded as lost.

    Raises DocumentElsewhereError.
    """
    first_messages = {decision.event.document_id: decision for decision in reversed(messages)}
    pending = await outcomes.lock_documents(connection, sorted(first_messages))
    if any(
        id in pending and pending[id].record_id != decision.event.record_id for id, decision in first_messages.items()
    ):
        raise DocumentElsewhereError
    # Consent knows these deposits, so they were accepted here, by commits that this database has lost.
    await record_lost_documents(
        connection, [decision.event for id, decision in first_messages.items() if id not in pending]
    )
    first_messages = {id: decision for id, decision in first_messages.items() if id in pending}
    applied = _applied_decisions(
        [decision for id, decision in first_messages.items() if pending[id].status == "received"], pending
    )
    if not applied:
        return
    at = clock.now()
    await outcomes.record_outcomes(connection, [_outcome(decision) for decision in applied], at)
    if superseded := [decision.replaced for decision in applied if decision.replaced is not None]:
        await outcomes.supersede_documents(connection, [document.id for document in superseded], at)
        await revoke_certificates(connection, [(document.record_id, document.id) for document in superseded], at)
    announcements = [
        announce_effect(event, cause=decision.message) for decision in applied for event in _events(decision, at)
    ]
    await append(connection, announcements)
    for decision in applied:
        STEP_SECONDS.labels("published").observe(max(0.0, (at - decision.message.event.decided_at).total_seconds()))
        if decision.reason is not None:
            REFUSED.labels("deposit-document", decision.reason).inc()


async def find_awaiting_version(connection: Connection, messages: list[DecisionMessage]) -> set[UUID]:
    """Returns the ids of decisions that rest on a newer version of a copy, or whose record awaits recovery.

    Until the recovery, a document that replaces another one would inherit outdated labels.
    """
    ids = sorted({message.event.record_id for message in messages})
    versions = await copies.copy_versions(connection, ids)
    return {message.id for message in messages if _awaits_version(message, versions[message.event.record_id])}


def _awaits_version(message: DecisionMessage, versions: CopyVersions) -> bool:
    seen = message.event.seen
    is_older = versions.record < seen.get(IDENTITY_RECORDS.name, 0) or versions.choices < seen.get(
        CONSENT_STATES.name, 0
    )
    return is_older or versions.awaits_recovery


def _applied_decisions(messages: list[DecisionMessage], pending: dict[UUID, PendingDocument]) -> list[_DecisionToApply]:
    """Returns the decisions with their documents, in the order of the messages: the first of two replacements wins."""
    replaced_ids: set[UUID] = set()
    applied = []
    for message in messages:
        document = pending[message.event.document_id]
        if message.event.outcome == "refused":
            applied.append(_DecisionToApply(message, document, message.event.reason))
            continue
        replaced = pending.get(document.replaces) if document.replaces is not None else None
        if document.replaces is not None and (
            replaced is None or replaced.id in replaced_ids or not _is_current_version(replaced)
        ):
            applied.append(_DecisionToApply(message, document, REPLACED_ALREADY))
            continue
        if replaced is not None:
            replaced_ids.add(replaced.id)
        applied.append(_DecisionToApply(message, _labelled_by_decision(message, document, replaced), None, replaced))
    return applied


def _is_current_version(document: PendingDocument) -> bool:
    return document.status == "published" and document.life == "current"


def _labelled_by_decision(
    message: DecisionMessage, document: PendingDocument, replaced: PendingDocument | None
) -> PendingDocument:
    """Returns the document with its labels at publication.

    It is masked where the patient wants new documents masked, and hidden as the replaced document was. Both labels are
    added after the check, whatever else is hidden.
    """
    if message.event.mask:
        document = _mask_for_patient(document)
    return document if replaced is None else _inherit_labels(document, replaced)


def _inherit_labels(document: PendingDocument, replaced: PendingDocument) -> PendingDocument:
    """Returns the document with labels inherited from the document that it replaces.

    It inherits the patient's mask and the label that hides it from representatives, and every hiding label if the
    replaced document was changed after the new one was received. What was shown to representatives stays shown.
    """
    if Visibility.MASKED in replaced.labels and replaced.masked_by == "patient":
        document = _mask_for_patient(document)
    changed_since = replaced.changed_at is not None and replaced.changed_at >= document.received_at
    hidden = frozenset(replaced.labels) & (_HIDING_LABELS if changed_since else _HIDDEN_FROM_REPRESENTATIVES)
    labels = frozenset(document.labels) | hidden
    if replaced.shown_to_representatives:
        labels -= _HIDDEN_FROM_REPRESENTATIVES
    return replace(document, labels=sorted_labels(labels), shown_to_representatives=replaced.shown_to_representatives)


def _mask_for_patient(document: PendingDocument) -> PendingDocument:
    labels = sorted_labels(frozenset(document.labels) | {Visibility.MASKED.value})
    return replace(document, labels=labels, masked_by="patient")


def _outcome(decision: _DecisionToApply) -> DocumentOutcome:
    event, document = decision.message.event, decision.document
    status: DocumentStatus = "published" if decision.is_published else "refused"
    return DocumentOutcome(
        event.document_id,
        status,
        event.decided_at,
        decision.message.id,
        decision.reason or event.reason,
        document.labels,
        masker_of(frozenset(document.labels), document.masked_by),
        document.shown_to_representatives,
    )


def _events(decision: _DecisionToApply, at: datetime) -> list[DocumentPublished | DocumentRefused | DocumentReplaced]:
    document, event = decision.document, decision.message.event
    if decision.reason is not None:
        return [
            DocumentRefused(
                record_id=document.record_id,
                document_id=document.id,
                deposit_id=document.deposit_id,
                organisation_id=document.organisation_id,
                seen=event.seen,
                reason=decision.reason,
                decision_id=decision.message.id,
                refused_at=at,
                actor=_depositor(document) if document.depositor_id is not None else None,
            )
        ]
    published = DocumentPublished(
        record_id=document.record_id,
        document_id=document.id,
        deposit_id=document.deposit_id,
        organisation_id=document.organisation_id,
        seen=event.seen,
        labels=document.labels,
        decision_id=decision.message.id,
        received_at=document.received_at,
        published_at=at,
        deposited_by=document.deposited_by,
        masked_by=masker_of(frozenset(document.labels), document.masked_by),
        shown_to_representatives=document.shown_to_representatives,
    )
    return [published] if decision.replaced is None else [published, _replaced(decision.replaced, document, at)]


def _replaced(replaced: PendingDocument, replacement: PendingDocument, at: datetime) -> DocumentReplaced:
    return DocumentReplaced(
        record_id=replaced.record_id,
        document_id=replaced.id,
        deposit_id=replaced.deposit_id,
        organisation_id=replaced.organisation_id,
        replaced_by=replacement.id,
        actor=_depositor(replacement),
        replaced_at=at,
    )


def _depositor(document: PendingDocument) -> Actor:
    """Returns the depositor of a document, as stored with it."""
    if document.deposited_by != "organisation":
        id = document.depositor_id or document.organisation_id
        return Actor(kind=document.deposited_by, id=id, client_id=document.client_id)
    structure, software = document.organisation_id, document.client_id
    if document.depositor_id is None:
        return Actor(kind="software", id=software, organisation_id=structure, client_id=software)
    return Actor(kind="professional", id=document.depositor_id, organisation_id=structure, client_id=software)
