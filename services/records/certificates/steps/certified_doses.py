"""Finds the doses of a record that the caller may have certified: those of current documents, decided like reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from services.records.certificates.domain.certifiable import Lifetime, certifiable_doses, is_signed_by_professional
from services.records.certificates.domain.doses import PerformedDose
from services.records.clinical_facts.domain.codec import decode_block
from services.records.clinical_facts.domain.model import ClinicalFact, FactGroup
from services.records.clinical_facts.domain.sealed_blocks import open_block
from services.records.clinical_facts.store.blocks import load_blocks
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.filters import EVER, NO_FILTERS
from services.records.documents.domain.search import NEWEST_FIRST, RecordSearch
from services.records.documents.store import contents
from services.records.documents.store import search as search_store
from services.records.documents.store.search import PageBounds
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import Requester
from shared.access import Permit
from shared.db.pool import Connection

MOST_DOCUMENTS: Final = 10_000
"""Documents of a record that are looked at, the newest first."""
_CURRENT: Final = frozenset({"current"})
_GROUP: Final[FactGroup] = "summary"


@dataclass(frozen=True, slots=True)
class DoseSources:
    """The doses that may be certified, and the documents that state them, by id."""

    doses: tuple[PerformedDose, ...] = ()
    documents: Mapping[UUID, DocumentSummary] = field(default_factory=dict)


async def find_doses(
    connection: Connection, key: bytes, requester: Requester, search: RecordSearch, lifetime: Lifetime
) -> DoseSources:
    """Returns the doses of one record; none where the search is refused. `key`: the record's data key."""
    record_id, permit, permitted = search.record.id, search.decision, search.listed(_CURRENT, NO_FILTERS)
    if record_id is None or not isinstance(permit, Permit) or not permitted:
        return DoseSources()
    page = PageBounds(NEWEST_FIRST, EVER, MOST_DOCUMENTS)
    summaries = await search_store.load_permitted(connection, record_id, requester, permitted, page)
    blocks = await load_blocks(connection, permit, record_id, _GROUP, [summary.id for summary in summaries])
    doses = {id: certifiable_doses(id, _facts(key, id, block), lifetime) for id, block in blocks.items()}
    stating = {summary.id: summary for summary in summaries if doses.get(summary.id)}
    sealed = await contents.list_metadata(connection, permit, record_id, list(stating))
    signed = {
        id: stating[id]
        for id, document in sealed.items()
        if is_signed_by_professional(stating[id], sealed_contents.open_metadata(key, id, document.metadata).authors)
    }
    return DoseSources(tuple(dose for id in signed for dose in doses[id]), signed)


def _facts(key: bytes, document_id: UUID, block: bytes) -> tuple[ClinicalFact, ...]:
    return decode_block(open_block(key, document_id, _GROUP, block)).facts
