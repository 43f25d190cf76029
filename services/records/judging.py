"""What the rules are asked at the door: what the person's side deposits, and whose place a document may take."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from services.records import sealing
from services.records.depositing import Depositing, Replaced
from services.records.domain.copies import RecordFacts
from services.records.domain.documents import Head, KnownRecord
from services.records.domain.facts import ABSENT, combination_of, document_facts, record_facts
from services.records.domain.reading import Judged, access_of, insist_openly
from services.records.domain.submissions import RecordClosedError, ReplacedUnknownError, replaced_of
from services.records.store import deposits as store
from services.records.store import reading
from services.records.usecases.desk import Desk
from shared import clock
from shared.access import Facts, Refusal, decide, told
from shared.contracts.audit import AccessRecorded, Action
from shared.contracts.base import Seen
from shared.contracts.topics import IDENTITY_PEOPLE, IDENTITY_RECORDS
from shared.db.pool import Connection
from shared.errors import ClientError
from shared.fhir.submission import Submission, SubmittedDocument

_OF_IDENTITY = frozenset({IDENTITY_RECORDS.name, IDENTITY_PEOPLE.name})
_OF_THE_REPLACED = frozenset(
    {
        *("document_status", "document_type", "class_code", "section", "labels", "author", "own_deposit"),
        *("self_deposited", "deposited_by", "masked_by", "by_minor_in_secret", "shown_to_representatives"),
    }
)
"""The facts that consent takes from here: those of the document that is replaced."""


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
    """The first refusal counts. Without a replacement, what an organisation deposits is left to consent."""
    replacing = {one.entry: target for one in submission.documents if (target := replaced_of(one)) is not None}
    if not replacing and not who.is_of_patient_side:
        return Judgement({IDENTITY_RECORDS.name: known.version})
    record = await reading.load_facts(connection, desk.matrices, known.id, known.id.int)
    seen = {name: version for name, version in record.seen_by(who.caller.kind).items() if name in _OF_IDENTITY}
    replaced: dict[int, Replaced] = {}
    for document in submission.documents:
        heads = await _heads(connection, known, key, replacing.get(document.entry))
        for judged in _judged(desk, who, record, document, heads):
            if isinstance(judged[1], Refusal):
                action: Action = "replace-document" if judged[0].action == "replace" else "deposit-document"
                return Judgement(seen, _error(judged[0], judged[1]), access_of(who.caller, action, judged, record))
            if heads and heads[0] is not None and judged[0].action == "replace":
                facts = {name: value for name, value in told(judged[0]).items() if name in _OF_THE_REPLACED}
                replaced[document.entry] = Replaced(heads[0].id, facts)
    return Judgement(seen, replaced=replaced)


async def _heads(
    connection: Connection, known: KnownRecord, key: bytes, target: UUID | str | None
) -> Sequence[Head | None]:
    """The document that is to be replaced, where one is: None in it when there is none such."""
    if target is None:
        return ()
    if isinstance(target, UUID):
        return [await store.find_head(connection, known.id, target, None)]
    return [await store.find_head(connection, known.id, None, sealing.unique_id_of(key, target))]


def _judged(
    desk: Desk, who: Depositing, record: RecordFacts, document: SubmittedDocument, heads: Sequence[Head | None]
) -> list[Judged]:
    now, asker = clock.now(), who.caller
    asked: list[Facts] = []
    if who.is_of_patient_side:
        common = record_facts(asker, "deposit", record, now=now, limit=desk.limit, parameters=desk.parameters)
        kind = document.type
        asked.append(replace(common, document_type=kind.code, class_code=kind.class_code, section=kind.section))
    for head in heads:
        common = record_facts(asker, "replace", record, now=now, limit=desk.limit, parameters=desk.parameters)
        asked.append(document_facts(common, asker, record, combination_of(head, asker) if head is not None else ABSENT))
    labelled = [replace(one, labels_asked=frozenset(document.labels)) for one in asked]
    return [(one, decide(one)) for one in labelled]


def _error(facts: Facts, refusal: Refusal) -> ClientError:
    if refusal.reason == "record-closed" and facts.relation == "holder":
        return RecordClosedError()
    if facts.action == "replace" and refusal.by_choice and refusal.reason != "not-own-record":
        return ReplacedUnknownError()
    try:
        insist_openly(refusal)
    except ClientError as error:
        return error
    raise AssertionError(refusal)
