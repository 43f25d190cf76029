"""Lists the measures of a record that the rules permit to the caller, with their trends.

What may not be seen is neither listed nor counted, and no trend or computed value rests on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final
from uuid import UUID

from services.records.copies.store import reads
from services.records.documents.domain.search import RecordSearch, first_permit, search_record
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event
from services.records.facts.domain.facts import request_facts
from services.records.kit.announcements import announce
from services.records.kit.held_records import retry_while_locked
from services.records.kit.threads import in_thread_if_large
from services.records.measures.domain.combinations import every_combination
from services.records.measures.domain.measures import StoredMeasure
from services.records.measures.domain.trends import Point, Trend, is_since, series_of, source_codes, trends_of
from services.records.measures.steps.entry_decision import load_locked_record
from services.records.measures.steps.measure_opener import open_measures
from services.records.measures.store.listing import MOST_MEASURES, MeasureSelection, read_measures
from shared.access import Refusal
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology.measures import measure_types

ACTION: Final = "read-measures"
AS_BYTES: Final = 3000
"""Opening and listing one measure takes as long as sealing so many bytes."""


@dataclass(frozen=True, slots=True)
class MeasureList:
    """The measures of a period, newest first, the trends, and for a computed code its points, newest first.

    `is_complete`: whether all of the period is there, and not the newest 5,000 only.
    """

    measures: Sequence[StoredMeasure]
    points: Sequence[Point]
    trends: Sequence[Trend]
    is_complete: bool
    notices: tuple[str, ...]


@retry_while_locked
async def list_measures(
    context: ReadContext, caller: Caller, record_id: UUID, code: str | None, first: date | None, last: date | None
) -> MeasureList:
    """Returns the list. `code`: one of `measure_types()`, None: all; `first` and `last`: days of measuring, both
    included.

    Raises NotFoundError, ForbiddenError, UncheckableError.
    """
    async with context.pool.acquire() as connection:
        async with reads.read_locked(connection):
            search = await _decide(context, connection, caller, record_id)
        permit = first_permit([search])
        selection = MeasureSelection(source_codes(code), first, last)
        sealed = await read_measures(connection, permit, record_id, search.permitted, selection)

    def list_opened() -> MeasureList:
        opened = open_measures(context.vault, permit, record_id, sealed[:MOST_MEASURES])
        return _listed(opened, code, first, is_minor=search.record.people.is_minor)

    listed = await in_thread_if_large(len(sealed) * AS_BYTES, list_opened)
    notices = next(iter(search.notices().values()), ())
    return replace(listed, is_complete=len(sealed) <= MOST_MEASURES, notices=notices)


async def _decide(context: ReadContext, connection: Connection, caller: Caller, record_id: UUID) -> RecordSearch:
    """Lets the rules decide on every combination, and records the access for the ledger."""
    record = await load_locked_record(context, connection, record_id)
    common = request_facts(caller, "find", record, now=clock.now(), rules=context.rules)
    search = search_record(common, caller, record, every_combination() if record.id is not None else {})
    if isinstance(search.decision, Refusal):
        REFUSED.labels(ACTION, search.decision.reason).inc()
    recorded = [decided.recorded for decided in search.decisions.values()]
    access = access_event(caller, ACTION, RuleDecision(common, search.decision), record, None, recorded)
    if access is not None:
        await append(connection, [announce(access)])
    return search


def _listed(measures: Sequence[StoredMeasure], code: str | None, first: date | None, *, is_minor: bool) -> MeasureList:
    trends = trends_of(code, measures, first, is_minor=is_minor)
    points: list[Point] = []
    if code is not None and measure_types()[code].is_derived:
        series = series_of(code, measures, is_minor=is_minor)
        points = [point for point in reversed(series) if is_since(point, first)]
        measures = ()
    in_period = [stored for stored in measures if first is None or stored.measure.day >= first]
    newest_first = sorted(in_period, key=lambda stored: (stored.measure.measured_at, stored.id), reverse=True)
    return MeasureList(newest_first, points, trends, is_complete=True, notices=())
