"""Decides on a sheet as on a search: for the record, then for each source; and traces it with the sources."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal
from uuid import UUID

from services.records.documents.domain.filters import NO_FILTERS
from services.records.documents.domain.search import RecordSearch, permitted_keys
from services.records.documents.steps.record_searches import RecordQuery, load_records, search_accesses, search_one
from services.records.documents.store.search import sheet_of
from services.records.facts.context import ReadContext
from services.records.facts.domain.decisions import RuleDecision, access_event
from services.records.facts.domain.documents import DepositorKind
from services.records.facts.domain.facts import FactCombination, request_facts
from services.records.kit.announcements import announce
from services.records.summary.store.sources import HAS_FACTS, ListedSource, list_sources
from shared.access import Permit, Refusal, decide
from shared.contracts.audit import AccessRecorded
from shared.db.pool import Connection
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED
from shared.terminology.visibility import Confidentiality

CURRENT: Final = frozenset({"current"})
CONFIRM: Final = "confirm-summary"
TracedConfirmation = Literal["no", "preview", "signature"]
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
    `shows_people`: whether the caller may see whom to call. `confirmation`: the decision whether the caller may confirm
    the sheet of this record.
    """

    search: RecordSearch
    confirmation: RuleDecision
    sources: Sequence[ListedSource] = ()
    offered: frozenset[str] = frozenset()
    shows_people: bool = False

    @property
    def with_facts(self) -> list[UUID]:
        """The documents of which facts were read."""
        return [source.id for source in self.sources if source.state in HAS_FACTS]

    @property
    def with_statements(self) -> dict[UUID, DepositorKind]:
        """The documents in which the patient side may state something, with who deposited each."""
        return {source.id: source.deposited_by for source in self.sources if source.may_state}

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
    connection: Connection, context: ReadContext, caller: Caller, record_id: UUID, traced: TracedConfirmation = "no"
) -> list[SheetSearch]:
    """Returns the decisions on the sheet in the requested record, and in the person's other record; traces them.

    `traced`: whether the decision on a confirmation is traced too, and for what.
    """
    records = await load_records(connection, context, RecordQuery(record_id))
    sheets = []
    for record in records:
        search = await search_one(connection, context, caller, record, action="read-summary")
        keys = search.listed(CURRENT, NO_FILTERS)
        listed = await list_sources(connection, record.id, caller, keys) if keys and record.id is not None else []
        confirming = request_facts(caller, "confirm-summary", record, now=clock.now(), rules=context.rules)
        confirmation = RuleDecision(confirming, decide(confirming))
        offered, shows_people = _offered(confirmation, caller, search), _shows_people(caller, search)
        sheets.append(SheetSearch(_with_sources(search, listed), confirmation, listed, offered, shows_people))
    accesses = search_accesses(caller, [sheet.search for sheet in sheets], "read-summary")
    accesses += _confirmations(caller, sheets[0], traced)
    await append(connection, [announce(access) for access in accesses])
    return sheets


def _confirmations(caller: Caller, sheet: SheetSearch, traced: TracedConfirmation) -> list[AccessRecorded]:
    """Returns the event of a confirmation; a preview is none, and its refusal is one."""
    decision = sheet.confirmation.decision
    if traced == "no" or (traced == "preview" and isinstance(decision, Permit)):
        return []
    if isinstance(decision, Refusal):
        REFUSED.labels(CONFIRM, decision.reason).inc()
    access = access_event(caller, CONFIRM, sheet.confirmation, sheet.search.record)
    return [] if access is None else [access]


def _with_sources(search: RecordSearch, listed: Iterable[ListedSource]) -> RecordSearch:
    sources: dict[str, list[UUID]] = {}
    for source in listed:
        if source.is_opened:
            sources.setdefault(source.key, []).append(source.id)
    return replace(search, sources={key: tuple(ids) for key, ids in sources.items()})


def _shows_people(caller: Caller, search: RecordSearch) -> bool:
    return bool(permitted_keys(search.common, caller, search.record, {"people": PEOPLE_TO_CALL}))


def _offered(confirmation: RuleDecision, caller: Caller, search: RecordSearch) -> frozenset[str]:
    if not isinstance(confirmation.decision, Permit):
        return frozenset()
    return permitted_keys(confirmation.facts, caller, search.record, search.combinations)
