"""The facts that a reader may see: of documents that a search finds for this reader, at the moment of reading.

`list_sources` stands in the transaction of the search, before its trace; `open_facts` after its commit, with the Permit
of the search. So no trace, no data, and only blocks of permitted documents are opened.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.codec import FactBlock, decode_block
from services.records.clinical_facts.domain.model import FactGroup
from services.records.clinical_facts.domain.readable import ReadableDocument, ReadableFacts, SourcedFact
from services.records.clinical_facts.domain.sealed_blocks import open_block
from services.records.clinical_facts.store import readable as store
from services.records.clinical_facts.store.readable import SealedBlock, SourceBounds
from services.records.documents.domain.filters import NO_FILTERS
from services.records.documents.domain.search import LAST_ID, RecordSearch
from services.records.facts.context import ReadContext
from services.records.kit.threads import in_thread_if_large
from shared.access import Permit
from shared.crypto.keyring import SealKey, cipher_of
from shared.crypto.vault import Vault
from shared.db.pool import Connection
from shared.http.tokens import Caller

CURRENT: Final = frozenset({"current"})
EVERY_VERSION: Final = frozenset({"current", "superseded"})
MOST_SOURCES: Final = 20_000
ALL_SOURCES: Final = SourceBounds(LAST_ID, MOST_SOURCES)
ORDER: Final[tuple[FactGroup, ...]] = ("summary", "results", "other")
_AS_BYTES: Final = 1_500
"""Opening a block takes as long as sealing so many bytes."""


async def list_sources(
    connection: Connection, caller: Caller, searches: Iterable[RecordSearch], bounds: SourceBounds = ALL_SOURCES
) -> list[ReadableDocument]:
    """Returns the current documents that the searches permit, newest first; of a single document any version."""
    sources: list[ReadableDocument] = []
    statuses = CURRENT if bounds.document is None else EVERY_VERSION
    for search in searches:
        keys = search.listed(statuses, NO_FILTERS)
        if keys and search.record.id is not None:
            sources += await store.list_sources(connection, search.record.id, caller, keys, bounds)
    return sorted(sources, key=lambda source: source.id, reverse=True)[: bounds.limit]


async def open_facts(
    connection: Connection,
    context: ReadContext,
    permit: Permit,
    sources: Sequence[ReadableDocument],
    groups: Collection[FactGroup],
) -> ReadableFacts:
    """Returns the facts of these groups that stand in these documents, which must be those of `list_sources`."""
    sealed: list[SealedBlock] = []
    for record_id in {source.record_id for source in sources}:
        ids = [source.id for source in sources if source.record_id == record_id and source.has_block]
        if ids:
            sealed += await store.load_blocks(connection, permit, record_id, groups, ids)
    records = {source.id: source.record_id for source in sources}
    opened = await in_thread_if_large(len(sealed) * _AS_BYTES, _open_all, context.vault, records, sealed)
    return _readable(sources, opened)


def _open_all(
    vault: Vault, records: Mapping[UUID, UUID], sealed: Sequence[SealedBlock]
) -> dict[tuple[UUID, FactGroup], FactBlock]:
    keys: dict[UUID, SealKey] = {}
    opened = {}
    for block in sealed:
        record_id = records[block.document_id]
        if record_id not in keys:
            keys[record_id] = cipher_of(vault.unwrap(record_id, block.key))
        content = open_block(keys[record_id], block.document_id, block.group, block.sealed)
        opened[block.document_id, block.group] = decode_block(content)
    return opened


def _readable(sources: Sequence[ReadableDocument], opened: Mapping[tuple[UUID, FactGroup], FactBlock]) -> ReadableFacts:
    facts = tuple(
        SourcedFact(fact, source)
        for source in sources
        for group in ORDER
        if (block := opened.get((source.id, group))) is not None
        for fact in block.facts
    )
    text_only = {id: block.text_only for (id, _), block in opened.items() if block.text_only}
    unread = sum(block.unread for block in opened.values())
    return ReadableFacts(sources[0].record_id if sources else None, tuple(sources), facts, text_only, unread)
