"""Lists the documents of which a sheet is made, and loads the sealed facts of them, only with a Permit."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from services.records.clinical_facts.domain.sealed_blocks import empty_block_bytes
from services.records.documents.store.search import ownership_keys, parse_keys
from services.records.facts.domain.documents import DepositorKind, StoredFactsState
from services.records.facts.domain.facts import Requester
from services.records.statements.domain.stated_facts import may_state_facts
from shared.access import Permit
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

# The keys of combinations are those of `documents.store.search`; no version of a sheet has one of these combinations.
SELECT_SOURCES = """
select d.id, c.combination_id || '|' || c.mine as key, d.type, coalesce(d.care_on, d.received_at::date) as day,
       d.received_at, d.deposited_by, d.facts_state, d.facts_reason
from (
  select document_id, combination_id,
    coalesce(organisation_id = $3, false) or coalesce($4 = any(author_ids), false)
      or coalesce(depositor_id = $5, false) as mine
  from document_combinations where bucket = $1 and record_id = $2
) c
join documents d on d.bucket = $1 and d.id = c.document_id
where case when c.mine then c.combination_id = any($6::bigint[]) else c.combination_id = any($7::bigint[]) end"""
SELECT_BLOCKS = """
select document_id, block from fact_blocks
where bucket = $1 and record_id = $2 and fact_group = 'summary' and document_id = any($3::uuid[])
  and octet_length(block) > $4"""
HAS_FACTS: Final = frozenset({"read", "in-part"})


class ListedSource(Struct, frozen=True, gc=False):
    """A document that the reader may see. `key`: of its combination. `state`: None: its facts are not read yet."""

    id: UUID
    key: str
    type: str
    day: date
    received_at: datetime
    deposited_by: DepositorKind
    state: StoredFactsState | None
    reason: str | None

    @property
    def may_state(self) -> bool:
        """Whether it may hold statements of the patient side; nothing else was read out of such a document."""
        return self.state in (None, "none") and may_state_facts(self.type, self.deposited_by)

    @property
    def is_opened(self) -> bool:
        """Whether a sheet opens what stands in it: the facts that were read out of it, or its statements."""
        return self.state in HAS_FACTS or self.may_state


async def list_sources(
    connection: Connection, record_id: UUID, requester: Requester, permitted: Sequence[str]
) -> list[ListedSource]:
    """Returns the documents that have one of these combinations."""
    keys = parse_keys(permitted)
    rows = await connection.fetch(
        SELECT_SOURCES, bucket_of(record_id), record_id, *ownership_keys(requester), keys.mine, keys.others
    )
    return [ListedSource(*row) for row in rows]  # the columns stand in the order of its members


async def load_blocks(
    connection: Connection, _permit: Permit, record_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, bytes]:
    """Returns the sealed facts of these documents that a sheet needs, by document; only with a Permit.

    Blocks that hold nothing are left out, as those of most reports of a laboratory.
    """
    rows = await connection.fetch(SELECT_BLOCKS, bucket_of(record_id), record_id, ids, empty_block_bytes())
    return {row["document_id"]: row["block"] for row in rows}
