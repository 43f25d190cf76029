"""The documents of a record are asked for: each is listed only where the rules permit it to this asker."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.records import sealing
from services.records.domain.documents import Head, Metadata
from services.records.domain.reading import RecordFacts, access_of, insisted, read_facts
from services.records.sealing import Vault
from services.records.store import reading as store
from shared import clock
from shared.access import Permit, Refusal, decide_read
from shared.db.pool import Connection, Pool
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.metrics import REFUSED
from shared.outbox import announce, append

LOOKED_AT = 1000
"""Documents looked at for one page; what lies beyond is for the next."""
LAST = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which record, by its id or by the fingerprints of an INS, and which page of it."""

    record_id: UUID | None
    ins_fingerprints: tuple[str, ...]
    count: int
    before: UUID = LAST
    current: bool = True
    """Whether current documents are among those asked for; there are no others that may be listed yet."""

    @property
    def stand_in(self) -> int:
        """A number of this question, always the same."""
        return self.record_id.int if self.record_id else int(self.ins_fingerprints[0].rpartition(".")[2][:8], 16)


@dataclass(frozen=True, slots=True)
class Found:
    """A document that may be listed."""

    head: Head
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `after`: where the next page begins; None on the last. `record_id` None: nothing may be told."""

    record_id: UUID | None
    documents: tuple[Found, ...]
    after: UUID | None = None


async def find_documents(pool: Pool, vault: Vault, caller: Caller, wanted: Wanted, *, limit: timedelta) -> Page:
    """An empty page for an unknown record as for one that somebody chose to hide.

    Raises ForbiddenError, UncheckableError.
    """
    async with pool.acquire() as connection:
        async with store.fenced(connection):
            decision, record, heads, after = await _decide(connection, caller, wanted, limit)
        try:
            permit = insisted(decision)
        except NotFoundError:
            return Page(None, ())
        if record.id is None:
            return Page(None, ())
        ids = [head.id for head in heads]
        sealed = await store.list_metadata(connection, permit, record.id, ids) if ids else {}
    if not sealed:
        return Page(record.id, (), after)
    key = vault.unwrap(record.id, next(iter(sealed.values())).key)
    found = (Found(head, sealing.open_metadata(key, head.id, sealed[head.id].metadata)) for head in heads)
    return Page(record.id, tuple(found), after)


async def _decide(
    connection: Connection, caller: Caller, wanted: Wanted, limit: timedelta
) -> tuple[Permit | Refusal, RecordFacts, list[Head], UUID | None]:
    if wanted.record_id is not None:
        record_id = await store.fence_by_id(connection, wanted.record_id)
    else:
        record_id = await store.fence_by_ins(connection, wanted.ins_fingerprints)
    record = await store.load_facts(connection, record_id, caller.id, wanted.stand_in)
    fresh = record.age.is_fresh(clock.now(), limit)
    decision = decide_read(read_facts(caller, "find", record, None, fresh=fresh))
    heads: list[Head] = []
    after: UUID | None = None
    if isinstance(decision, Refusal):
        REFUSED.labels("find-documents", decision.reason).inc()
    elif record.id is not None and wanted.current:
        looked_at = await store.load_heads(connection, record.id, wanted.before, LOOKED_AT)
        heads, after = _page(caller, record, looked_at, wanted.count, fresh)
    access = access_of(caller.actor(), "find-documents", decision, record)
    if access is not None:
        await append(connection, [announce(access)])
    return decision, record, heads, after


def _page(
    caller: Caller, record: RecordFacts, looked_at: list[Head], count: int, fresh: bool
) -> tuple[list[Head], UUID | None]:
    """The first `count` that may be listed, and where the next page begins if there may be one."""
    listed = [
        head
        for head in looked_at
        if isinstance(decide_read(read_facts(caller, "find", record, head, fresh=fresh)), Permit)
    ]
    if len(listed) > count:
        return listed[:count], listed[count - 1].id
    return listed, looked_at[-1].id if len(looked_at) == LOOKED_AT else None
