"""Checks a deposit before it is accepted: whether the patient side may deposit, and what a document may replace."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.records.copies.domain.copies import RecordContext, RecordCopy
from services.records.copies.store import reads
from services.records.deposits.domain.submissions import (
    NotOwnDocumentError,
    RecordClosedError,
    ReplacedUnknownError,
    ReplacementDiffersError,
    replaced_of,
)
from services.records.deposits.steps.deposit_builder import ReplacedDocument
from services.records.deposits.store import deposits as store
from services.records.documents.domain import sealed_contents
from services.records.documents.store.summaries import load_summary
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event, error_for
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import (
    ABSENT_DOCUMENT,
    combination_of,
    document_facts,
    is_own,
    request_facts,
)
from services.records.tracking.steps.depositor import Depositor
from shared.access import Facts, Refusal, decide, encode_facts
from shared.access.writers import CHOSEN_ABOUT_REPLACEMENTS, OWN
from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.base import Seen
from shared.contracts.topics import IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.errors import ClientError, UncheckableError
from shared.fhir.submission import Submission, SubmittedDocument
from shared.runtime import clock
from shared.terminology.visibility import Visibility

_IDENTITY_TOPICS = frozenset({IDENTITY_RECORDS.name, IDENTITY_PEOPLE.name})
_REPLACED_DOCUMENT_FACTS = frozenset(
    {
        *("document_status", "document_type", "class_code", "section", "labels", "author", "own_deposit"),
        *("self_deposited", "deposited_by", "masked_by", "by_minor_in_secret", "shown_to_representatives"),
    }
)
"""The facts of the replaced document, which consent takes from records."""
_CONSENT_REASONS = frozenset(requirement.reason for requirement in CHOSEN_ABOUT_REPLACEMENTS)
_LABELS_KEPT_BY_REPLACEMENT = frozenset({Visibility.INVISIBLE_TO_REPRESENTATIVES.value})
"""Labels that a replacement does not lift: showing to representatives is final, and an act of its own."""


@dataclass(frozen=True, slots=True)
class DepositCheck:
    """The result of the checks before a deposit is accepted.

    `seen`: the versions of identity's copies on which it rests. `refusal`: the error to raise, None where the deposit
    is accepted; `access`: its event for the ledger. `replaced`: the replaced documents by the entry of the new one.
    """

    seen: Seen
    refusal: ClientError | None = None
    access: AccessRecorded | None = None
    replaced: dict[int, ReplacedDocument] = field(default_factory=dict)


async def check_deposit(
    context: ReadContext,
    connection: Connection,
    depositor: Depositor,
    record: RecordCopy,
    key: bytes,
    submission: Submission,
) -> DepositCheck:
    """Decides on each document of a submission, up to the first refusal.

    Consent decides on an organisation's deposit that replaces nothing. Raises UncheckableError where the labels of the
    replaced document may be outdated.
    """
    replacing = {
        document.entry: target for document in submission.documents if (target := replaced_of(document)) is not None
    }
    if await _contradicts_cda(connection, depositor, record, key, submission):
        return DepositCheck({IDENTITY_RECORDS.name: record.version}, ReplacementDiffersError())
    if not replacing and not depositor.is_of_patient_side:
        return DepositCheck({IDENTITY_RECORDS.name: record.version})
    record_context = await reads.load_context(connection, context.matrices, record.id, record.id.int)
    if replacing and record_context.awaits_recovery:
        raise UncheckableError
    seen = {
        name: version
        for name, version in record_context.seen_versions(depositor.caller.kind).items()
        if name in _IDENTITY_TOPICS
    }
    replaced: dict[int, ReplacedDocument] = {}
    for document in submission.documents:
        target = replacing.get(document.entry)
        summary = None if target is None else await _find_named(connection, record, key, target)
        for facts in _rule_questions(
            context, depositor, record_context, document, summary, replaces=target is not None
        ):
            decision = decide(facts)
            if isinstance(decision, Refusal) and not _is_left_to_consent(facts, decision):
                action: Action = "replace-document" if facts.action == "replace" else "deposit-document"
                access = access_event(depositor.caller, action, RuleDecision(facts, decision), record_context)
                return DepositCheck(seen, _client_error(facts, decision, is_known=summary is not None), access)
            if summary is not None and facts.action == "replace":
                replaced_facts = {
                    name: value for name, value in encode_facts(facts).items() if name in _REPLACED_DOCUMENT_FACTS
                }
                replaced[document.entry] = ReplacedDocument(
                    summary.id,
                    replaced_facts,
                    summary.first_version,
                    _kept_labels(document, summary.labels, summary.masked_by),
                    summary.in_secret,
                )
    return DepositCheck(seen, replaced=replaced)


async def _contradicts_cda(
    connection: Connection, depositor: Depositor, record: RecordCopy, key: bytes, submission: Submission
) -> bool:
    """Returns whether a CDA replaces another document than its metadata do.

    Where the metadata name no document, only a replaced document of the depositor's own counts: without the
    replacement it would have two current versions, and nobody could tell which is the last.
    """
    for document in submission.documents:
        declared = document.header.replaces if document.header is not None else None
        if declared is None:
            continue
        target = replaced_of(document)
        if isinstance(target, str) and target != declared:
            return True
        named_document = None if isinstance(target, str) else await _find_named(connection, record, key, declared)
        if isinstance(target, UUID) and (named_document is None or named_document.id != target):
            return True
        if target is None and named_document is not None and _is_own_current_version(named_document, depositor):
            return True
    return False


def _is_own_current_version(summary: DocumentSummary, depositor: Depositor) -> bool:
    own = summary.organisation_id == depositor.owner or is_own(summary, depositor.caller)
    return own and summary.life == "current" and summary.status in ("received", "published")


async def _find_named(
    connection: Connection, record: RecordCopy, key: bytes, target: UUID | str
) -> DocumentSummary | None:
    """Returns the document of this record with this id, or with this identifier of its producer."""
    if isinstance(target, str):
        unique_id = sealed_contents.unique_id_digest(key, target)
        earlier = (await store.find_earlier(connection, record.id, [unique_id])).get(unique_id)
        if earlier is None:
            return None
        target = earlier.id
    summary = await load_summary(connection, target)
    return summary if summary is not None and summary.record_id == record.id else None


def _rule_questions(
    context: ReadContext,
    depositor: Depositor,
    record: RecordContext,
    document: SubmittedDocument,
    summary: DocumentSummary | None,
    *,
    replaces: bool,
) -> Iterator[Facts]:
    """Yields the facts of each question to the rules: the deposit itself (patient side only), then the replacement."""
    now, requester, labels = clock.now(), depositor.caller, frozenset(document.labels)
    if depositor.is_of_patient_side:
        common = request_facts(requester, "deposit", record, now=now, rules=context.rules)
        document_type = document.type
        common = replace(
            common, document_type=document_type.code, class_code=document_type.class_code, section=document_type.section
        )
        yield replace(common, labels_asked=labels)
    if replaces:
        common = request_facts(requester, "replace", record, now=now, rules=context.rules)
        replaced = combination_of(summary, requester) if summary is not None else ABSENT_DOCUMENT
        labels_asked = labels | _kept_labels(document, replaced.labels, replaced.masked_by)
        yield replace(
            document_facts(common, requester, record, replaced),
            labels_asked=labels_asked,
            type_asked=document.type.code,
        )


def _kept_labels(document: SubmittedDocument, labels: frozenset[str], masked_by: str | None) -> frozenset[str]:
    """Returns the labels that pass from the replaced document to this one. A mask of the patient passes when this one
    is published, whatever its depositor asked."""
    if not document.keeps_labels:
        return labels & _LABELS_KEPT_BY_REPLACEMENT
    return labels - {Visibility.MASKED.value} if masked_by == "patient" else labels


def _is_left_to_consent(facts: Facts, refusal: Refusal) -> bool:
    """Returns whether consent decides instead.

    The rules check the patient's choices about depositors last, and consent checks them for every deposit.
    """
    return facts.action == "replace" and refusal.reason in _CONSENT_REASONS


def _client_error(facts: Facts, refusal: Refusal, *, is_known: bool) -> ClientError:
    if refusal.reason == "record-closed" and facts.relation == "holder":
        return RecordClosedError()
    if facts.action == "replace" and refusal.hides_existence and refusal.reason != "not-own-record":
        is_of_others = is_known and refusal.reason == OWN.reason
        return NotOwnDocumentError() if is_of_others else ReplacedUnknownError()
    return error_for(refusal)
