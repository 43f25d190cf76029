"""Decides on a sheet as on a search: for the record, then for each source; and traces it with the sources."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from services.records.documents.domain.filters import NO_FILTERS
from services.records.documents.domain.search import RecordSearch, permitted_keys
from services.records.documents.steps.record_searches import RecordQuery, load_records, search_one, trace_searches
from services.records.documents.store.search import sheet_of
from services.records.facts.context import ReadContext
from services.records.facts.domain.facts import FactCombination, request_facts
from services.records.summary.store.sources import HAS_FACTS, ListedSource, list_sources
from shared.access import Facts, Permit, decide
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.runtime import clock
from shared.terminology.visibility import Confidentiality

CURRENT: Final = frozenset({"current"})
PEOPLE_TO_CALL: Final = FactCombination(
    status="published",
    type="DOCPAT08",
    class_code="11",
    section="SYNTH_PML",
    labels=frozenset({Confidentiality.NORMAL.value}),
    masked_by=None,
    shown_to_representatives=False,
    deposited_by="patient",
    in_secret=False,
    is_own=False,
)
"""Whom to call as the rules see it: a part of the medical profile, hidden with that section."""


@dataclass(frozen=True, slots=True)
class SheetSearch:
    """The decisions on a sheet in one record, and its sources.

    `offered`: the keys of the combinations whose lines the caller may confirm; none for whoever confirms nothing.
    `shows_people`: whether the caller may see whom to call.
    """

    search: RecordSearch
    sources: Sequence[ListedSource] = ()
    offered: frozenset[str] = frozenset()
    shows_people: bool = False

    @property
    def with_facts(self) -> list[UUID]:
        """The documents of which facts were read."""
        return [source.id for source in self.sources if source.state in HAS_FACTS]

    def shows(self, caller: Caller, version_id: UUID) -> bool:
        """Returns whether the rules show a version of the sheet to the caller, whatever it cites."""
        key = self._key_of(version_id)
        if key is None:
            return False
        itself = {key: replace(self.search.combinations[key], citations="none")}
        return bool(permitted_keys(self.search.common, caller, self.search.record, itself))

    def readable(self, version_id: UUID) -> frozenset[UUID]:
        """Returns which of the documents that a version cites the caller may read."""
        key = self._key_of(version_id)
        return frozenset() if key is None else self.search.readable.get(key, frozenset())

    def _key_of(self, version_id: UUID) -> str | None:
        return next((key for key in self.search.combinations if sheet_of(key) == version_id), None)


async def search_sheets(
    connection: Connection, context: ReadContext, caller: Caller, record_id: UUID
) -> list[SheetSearch]:
    """Returns the decisions on the sheet in the requested record, and in the person's other record; traces them."""
    records = await load_records(connection, context, RecordQuery(record_id))
    sheets = []
    for record in records:
        search = await search_one(connection, context, caller, record, action="read-summary")
        keys = search.listed(CURRENT, NO_FILTERS)
        listed = await list_sources(connection, record.id, caller, keys) if keys and record.id is not None else []
        confirming = request_facts(caller, "confirm-summary", record, now=clock.now(), rules=context.rules)
        offered, shows_people = _offered(confirming, caller, search), _shows_people(caller, search)
        sheets.append(SheetSearch(_with_sources(search, listed), listed, offered, shows_people))
    await trace_searches(connection, caller, [sheet.search for sheet in sheets], "read-summary")
    return sheets


def _with_sources(search: RecordSearch, listed: Iterable[ListedSource]) -> RecordSearch:
    sources: dict[str, list[UUID]] = {}
    for source in listed:
        if source.state in HAS_FACTS:
            sources.setdefault(source.key, []).append(source.id)
    return replace(search, sources={key: tuple(ids) for key, ids in sources.items()})


def _shows_people(caller: Caller, search: RecordSearch) -> bool:
    return bool(permitted_keys(search.common, caller, search.record, {"people": PEOPLE_TO_CALL}))


def _offered(confirming: Facts, caller: Caller, search: RecordSearch) -> frozenset[str]:
    if not isinstance(decide(confirming), Permit):
        return frozenset()
    return permitted_keys(confirming, caller, search.record, search.combinations)
