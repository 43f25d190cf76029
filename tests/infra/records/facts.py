"""The process that reads documents, on the database of a test: publishes structured documents and reads their facts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from services.records.clinical_facts.adapters.extractor import Extractor
from services.records.clinical_facts.context import ExtractionContext
from services.records.clinical_facts.domain.codec import FactBlock, by_group, decode_block, encode_block
from services.records.clinical_facts.domain.model import EXTRACTOR_VERSION, ClinicalFact
from services.records.clinical_facts.domain.sealed_blocks import open_block, seal_block
from services.records.clinical_facts.steps.extraction import extract_outdated, extract_published
from services.records.clinical_facts.store.extraction import INSERT_BLOCKS
from shared.contracts.records import DocumentPublished
from shared.crypto.vault import WrappedKey
from shared.db.pool import transaction
from shared.runtime.clock import bucket_of
from shared.terminology.documents import document_type
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.platform.databases import fetch_row
from tests.infra.records.deposited_facts import SYNTHESIS, a_synthesis
from tests.infra.records.records_api import RING, RecordsApi, a_deposit

SELECT_BLOCKS = """
select b.fact_group, b.block, b.extractor_version, k.kid, k.wrapped
from fact_blocks b join record_keys k on k.record_id = b.record_id
where b.document_id = $1 order by b.fact_group"""


@dataclass
class FactsAtWork:
    """The API of records, and what reads documents after their publication."""

    api: RecordsApi
    context: ExtractionContext

    async def publish(
        self,
        person: Person,
        make: Callable[..., bytes] = a_synthesis,
        *,
        kind: str = SYNTHESIS,
        extracted: bool = True,
        deposit: dict[str, Any] | None = None,
        **made: Any,
    ) -> UUID:
        """Deposits a structured document by software, publishes it and reads its facts. `made`: of its content."""
        unique_id = uuid4()
        content = make(person, unique_id, **{"type": kind, **made})
        type_ = document_type(kind)
        assert type_ is not None
        changed = {"content": content, "content_type": "text/xml", "type": type_, "unique_id": f"urn:uuid:{unique_id}"}
        [document] = await self.api.publish(a_deposit(person, **{**changed, **(deposit or {})}))
        if extracted:
            await self.extract(document)
        return document

    async def extract(self, *documents: UUID) -> None:
        """Does what the consumer does with the events of their publication."""
        [*events] = [event for event in await self.api.announced(DocumentPublished) if event.document_id in documents]
        async with transaction(self.api.pool) as connection:
            await extract_published(self.context, connection, [message(event) for event in events])

    async def extract_again(self) -> int:
        """Reads again, to the end, what an older extractor read. Returns how many documents."""
        total = 0
        while True:
            async with transaction(self.api.pool) as connection:
                count = await extract_outdated(self.context, connection, 4)
            if not count:
                return total
            total += count

    async def blocks(self, document: UUID) -> dict[str, FactBlock]:
        """Returns the blocks of a document by group."""
        blocks = {}
        for row in await self.api.pool.fetch(SELECT_BLOCKS, document):
            record = await self.api.pool.fetchval("select record_id from documents where id = $1", document)
            key = self.api.vault.unwrap(record, WrappedKey(row["kid"], row["wrapped"]))
            blocks[row["fact_group"]] = decode_block(open_block(key, document, row["fact_group"], row["block"]))
        return blocks

    async def state(self, document: UUID) -> tuple[str | None, str | None]:
        """Returns what became of reading a document, and why."""
        row = await self.api.pool.fetchrow("select facts_state, facts_reason from documents where id = $1", document)
        assert row is not None
        return row["facts_state"], row["facts_reason"]


def facts_of(api: RecordsApi, extractor: Extractor) -> FactsAtWork:
    """Returns what reads documents on the database of this API."""
    return FactsAtWork(api, ExtractionContext(api.vault, RING, extractor))


async def insert_blocks(api: RecordsApi, facts_of_each: Mapping[UUID, Sequence[ClinicalFact]], text_only: int) -> None:
    """Stores facts of documents of one record as if they had been read; `text_only`: of each document."""
    rows = await api.pool.fetch("select id, record_id from documents where id = any($1)", list(facts_of_each))
    [record] = {row["record_id"] for row in rows}
    key_row = await fetch_row(api.pool, "select kid, wrapped from record_keys where record_id = $1", record)
    key = api.vault.unwrap(record, WrappedKey(key_row["kid"], key_row["wrapped"]))
    blocks = []
    for id, facts in facts_of_each.items():
        groups = {"summary": encode_block((), text_only=text_only)} | {
            group: encode_block(of_group, text_only=text_only if group == "summary" else 0)
            for group, of_group in by_group(facts).items()
        }
        blocks += [(id, group, seal_block(key, id, group, block)) for group, block in groups.items()]
    await api.pool.execute(
        INSERT_BLOCKS,
        EXTRACTOR_VERSION,
        [bucket_of(record)] * len(blocks),
        [record] * len(blocks),
        [group for _, group, _ in blocks],
        [id for id, _, _ in blocks],
        [block for _, _, block in blocks],
    )
    await api.pool.execute("update documents set facts_state = 'read' where id = any($1)", list(facts_of_each))
