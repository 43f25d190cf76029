"""Reads one measure with the versions of it that the rules permit to the caller."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.records.copies.domain.copies import RecordContext
from services.records.copies.store import reads
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event, require_permit
from services.records.facts.domain.facts import ABSENT_DOCUMENT, document_facts, request_facts
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.measures.domain.combinations import combination_of_measure
from services.records.measures.domain.measures import StoredMeasure
from services.records.measures.steps.entry_decision import load_locked_record
from services.records.measures.steps.measure_opener import open_measures
from services.records.measures.store.listing import SealedMeasure, find_record_of_measure, read_versions
from services.records.measures.usecases.list_measures import ACTION
from shared.access import Facts, Permit, Refusal, decide
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED


@dataclass(frozen=True, slots=True)
class MeasureView:
    """A measure: the versions that the caller may see, newest first, and the notices for its reader."""

    record_id: UUID
    versions: Sequence[StoredMeasure]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _DecidedVersions:
    """The decision on the newest version, and the sealed versions that the caller may see."""

    record_id: UUID | None
    decision: Permit | Refusal
    permitted: Sequence[SealedMeasure]


@retry_while_locked
async def read_measure(context: ReadContext, caller: Caller, id: UUID, record_id: UUID | None = None) -> MeasureView:
    """Returns the measure, of this record if one is named. Raises NotFoundError, ForbiddenError, UncheckableError."""
    async with context.pool.acquire() as connection, reads.read_locked(connection):
        decided = await _decide(context, connection, caller, id, record_id)
    permit = require_permit(decided.decision)
    if decided.record_id is None or not decided.permitted:
        raise NotFoundError
    versions = open_measures(context.vault, permit, decided.record_id, decided.permitted)
    return MeasureView(decided.record_id, versions, permit.notices)


async def _decide(
    context: ReadContext, connection: Connection, caller: Caller, id: UUID, record_id: UUID | None
) -> _DecidedVersions:
    """Takes the fence, lets the rules decide on each version, and records the access to the newest one."""
    named = record_id or await find_record_of_measure(connection, id)
    record = await load_locked_record(context, connection, named)
    versions = [] if record.id is None else await read_versions(connection, record.id, id)
    common = request_facts(caller, "find", record, now=clock.now(), rules=context.rules)
    decided = [(each, _decision(common, caller, record, each)) for each in versions]
    newest = decided[0][1] if decided else _decision(common, caller, record, None)
    if isinstance(newest.decision, Refusal):
        REFUSED.labels(ACTION, newest.decision.reason).inc()
    access = access_event(caller, ACTION, newest, record)
    if access is not None:
        await append(connection, [announce(access)])
    permitted = [each for each, answer in decided if isinstance(answer.decision, Permit)]
    return _DecidedVersions(record.id, newest.decision, permitted)


def _decision(common: Facts, caller: Caller, record: RecordContext, version: SealedMeasure | None) -> RuleDecision:
    combination = (
        ABSENT_DOCUMENT
        if version is None
        else combination_of_measure(version.life, version.deposited_by, masked=version.masked)
    )
    facts = document_facts(common, caller, record, combination)
    return RuleDecision(facts, decide(facts))
