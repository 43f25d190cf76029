"""What the rules are asked at the door: what the person's side deposits, and whose place a document may take."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.records import sealing
from services.records.depositing import Depositing, Replaced
from services.records.domain.copies import RecordFacts
from services.records.domain.documents import Head, KnownRecord
from services.records.domain.facts import ABSENT, combination_of, document_facts, is_own, record_facts
from services.records.domain.reading import access_of, error_of
from services.records.domain.submissions import (
    RecordClosedError,
    ReplacedUnknownError,
    ReplacementDiffersError,
    replaced_of,
)
from services.records.store import deposits as store
from services.records.store import reading
from services.records.usecases.desk import Desk
from shared.access import Facts, Refusal, decide, encode_facts
from shared.access.writing import CHOSEN_ABOUT_REPLACEMENTS
from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.base import Seen
from shared.contracts.topics import IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.errors import ClientError, UncheckableError
from shared.fhir.submission import Submission, SubmittedDocument
from shared.runtime import clock
from shared.terminology.visibility import Visibility

_OF_IDENTITY = frozenset({IDENTITY_RECORDS.name, IDENTITY_PEOPLE.name})
_OF_THE_REPLACED = frozenset(
    {
        *("document_status", "document_type", "class_code", "section", "labels", "author", "own_deposit"),
        *("self_deposited", "deposited_by", "masked_by", "by_minor_in_secret", "shown_to_representatives"),
    }
)
"""The facts that consent takes from here: those of the document that is replaced."""
_ASKED_BY_CONSENT = frozenset(one.reason for one in CHOSEN_ABOUT_REPLACEMENTS)
_KEPT_WHEN_REPLACED = frozenset({Visibility.INVISIBLE_TO_REPRESENTATIVES.value})
"""What a replacement does not lift: showing to representatives is final, and an act of its own."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`refusal`: what to raise, `access`: what the ledger is told of it. `replaced`: by the entry of the new document.

    `seen`: the versions of the copies of identity that this rests on.
    """

    seen: Seen
    refusal: ClientError | None = None
    access: AccessRecorded | None = None
    replaced: dict[int, Replaced] = field(default_factory=dict)


async def judge_deposits(
    desk: Desk, connection: Connection, who: Depositing, known: KnownRecord, key: bytes, submission: Submission
) -> Judgement:
    """The first refusal counts. Without a replacement, what an organisation deposits is left to consent.

    Raises UncheckableError where the labels of what is replaced may be older than they were.
    """
    replacing = {one.entry: target for one in submission.documents if (target := replaced_of(one)) is not None}
    if await _differs_from_cda(connection, who, known, key, submission):
        return Judgement({IDENTITY_RECORDS.name: known.version}, ReplacementDiffersError())
    if not replacing and not who.is_of_patient_side:
        return Judgement({IDENTITY_RECORDS.name: known.version})
    record = await reading.load_facts(connection, desk.matrices, known.id, known.id.int)
    if replacing and record.awaits_recovery:
        raise UncheckableError
    seen = {name: version for name, version in record.seen_by(who.caller.kind).items() if name in _OF_IDENTITY}
    replaced: dict[int, Replaced] = {}
    for document in submission.documents:
        target = replacing.get(document.entry)
        head = None if target is None else await _find(connection, known, key, target)
        for facts in _asked(desk, who, record, document, head, replaces=target is not None):
            decision = decide(facts)
            if isinstance(decision, Refusal) and not _is_left_to_consent(facts, decision):
                action: Action = "replace-document" if facts.action == "replace" else "deposit-document"
                access = access_of(who.caller, action, (facts, decision), record)
                return Judgement(seen, _error(facts, decision), access)
            if head is not None and facts.action == "replace":
                of_it = {name: value for name, value in encode_facts(facts).items() if name in _OF_THE_REPLACED}
                kept = head.labels & _KEPT_WHEN_REPLACED
                replaced[document.entry] = Replaced(head.id, of_it, head.first_version, kept, head.in_secret)
    return Judgement(seen, replaced=replaced)


async def _differs_from_cda(
    connection: Connection, who: Depositing, known: KnownRecord, key: bytes, submission: Submission
) -> bool:
    """Whether a CDA says that it replaces another document than its metadata do. Of what the metadata leave out only
    the depositor's own counts: of two current versions of it neither would be known to be the last."""
    for document in submission.documents:
        declared = document.header.replaces if document.header is not None else None
        if declared is None:
            continue
        target = replaced_of(document)
        if isinstance(target, str) and target != declared:
            return True
        named = None if isinstance(target, str) else await _find(connection, known, key, declared)
        if isinstance(target, UUID) and (named is None or named.id != target):
            return True
        if target is None and named is not None and _is_replaceable(named, who):
            return True
    return False


def _is_replaceable(head: Head, who: Depositing) -> bool:
    own = head.organisation_id == who.owner or is_own(head, who.caller)
    return own and head.life == "current" and head.status in ("received", "published")


async def _find(connection: Connection, known: KnownRecord, key: bytes, target: UUID | str) -> Head | None:
    """The document of this record that is named by its id, or by its producer's identifier."""
    if isinstance(target, str):
        unique_id = sealing.unique_id_of(key, target)
        named = (await store.find_earlier(connection, known.id, [unique_id])).get(unique_id)
        if named is None:
            return None
        target = named.id
    head = await reading.load_head(connection, target)
    return head if head is not None and head.record_id == known.id else None


def _asked(
    desk: Desk, who: Depositing, record: RecordFacts, document: SubmittedDocument, head: Head | None, *, replaces: bool
) -> Iterator[Facts]:
    """What the rules are asked: about what comes in, of the person's side; about what it replaces, of everybody."""
    now, asker, labels = clock.now(), who.caller, frozenset(document.labels)
    if who.is_of_patient_side:
        common = record_facts(asker, "deposit", record, now=now, limit=desk.limit, parameters=desk.parameters)
        kind = document.type
        common = replace(common, document_type=kind.code, class_code=kind.class_code, section=kind.section)
        yield replace(common, labels_asked=labels)
    if replaces:
        common = record_facts(asker, "replace", record, now=now, limit=desk.limit, parameters=desk.parameters)
        old = combination_of(head, asker) if head is not None else ABSENT
        asked = labels | (old.labels & _KEPT_WHEN_REPLACED)
        yield replace(document_facts(common, asker, record, old), labels_asked=asked, type_asked=document.type.code)


def _is_left_to_consent(facts: Facts, refusal: Refusal) -> bool:
    """What the person chose about who feeds is asked last, and answered by consent as of any other deposit."""
    return facts.action == "replace" and refusal.reason in _ASKED_BY_CONSENT


def _error(facts: Facts, refusal: Refusal) -> ClientError:
    if refusal.reason == "record-closed" and facts.relation == "holder":
        return RecordClosedError()
    if facts.action == "replace" and refusal.hides_existence and refusal.reason != "not-own-record":
        return ReplacedUnknownError()
    return error_of(refusal)
