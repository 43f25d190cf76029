"""The documents of a record are asked for: each is listed only where the rules permit it to this asker.

Of a person with two linked records both are searched, each under its own rights.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.records import sealing
from services.records.domain.documents import Head, Metadata
from services.records.domain.reading import RecordFacts, access_of, insisted, read_facts
from services.records.store import reading as store
from shared import clock
from shared.access import Permit, Refusal, decide_read
from shared.db.pool import Connection, Pool
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.metrics import REFUSED
from shared.outbox import announce, append
from shared.vault import Vault

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
            judged = await _judge(connection, caller, wanted, limit)
            heads, after = await _look(connection, caller, judged, wanted)
            await _trace(connection, caller, judged)
        try:
            permit = insisted(next((one.decision for one in judged if one.permitted), judged[0].decision))
        except NotFoundError:
            return Page(None, ())
        found = await _open(connection, vault, permit, heads)
    return Page(judged[0].record.id, found, after)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A record, what is decided of a search in it, and whether its copies are young enough."""

    record: RecordFacts
    decision: Permit | Refusal
    fresh: bool

    @property
    def permitted(self) -> bool:
        return isinstance(self.decision, Permit)


async def _judge(connection: Connection, caller: Caller, wanted: Wanted, limit: timedelta) -> list[_Judged]:
    """The record asked for, and the other one of the same person."""
    if wanted.record_id is not None:
        record_id = await store.fence_by_id(connection, wanted.record_id)
    else:
        record_id = await store.fence_by_ins(connection, wanted.ins_fingerprints)
    records = [await store.load_facts(connection, record_id, caller.id, wanted.stand_in)]
    if records[0].linked_to is not None:
        records.append(await store.load_facts(connection, records[0].linked_to, caller.id, wanted.stand_in))
    fresh = [record.age.is_fresh(clock.now(), limit) for record in records]
    return [
        _Judged(record, decide_read(read_facts(caller, "find", record, None, fresh=is_fresh)), is_fresh)
        for record, is_fresh in zip(records, fresh, strict=True)
    ]


async def _look(
    connection: Connection, caller: Caller, judged: list[_Judged], wanted: Wanted
) -> tuple[list[Head], UUID | None]:
    """The first documents that may be listed, newest first, and where the next page begins if there may be one."""
    if not wanted.current:
        return [], None
    open_to_caller = {one.record.id: one for one in judged if one.permitted and one.record.id is not None}
    looked_at: list[Head] = []
    for record_id in open_to_caller:
        looked_at += await store.load_heads(connection, record_id, wanted.before, LOOKED_AT)
    looked_at = sorted(looked_at, key=lambda head: head.id, reverse=True)[:LOOKED_AT]
    listed = [head for head in looked_at if _may_list(caller, open_to_caller[head.record_id], head)]
    if len(listed) > wanted.count:
        return listed[: wanted.count], listed[wanted.count - 1].id
    return listed, looked_at[-1].id if len(looked_at) == LOOKED_AT else None


def _may_list(caller: Caller, judged: _Judged, head: Head) -> bool:
    return isinstance(decide_read(read_facts(caller, "find", judged.record, head, fresh=judged.fresh)), Permit)


async def _trace(connection: Connection, caller: Caller, judged: list[_Judged]) -> None:
    for decision in (one.decision for one in judged):
        if isinstance(decision, Refusal):
            REFUSED.labels("find-documents", decision.reason).inc()
    accesses = [access_of(caller, "find-documents", one.decision, one.record) for one in judged]
    await append(connection, [announce(access) for access in accesses if access is not None])


async def _open(connection: Connection, vault: Vault, permit: Permit, heads: list[Head]) -> tuple[Found, ...]:
    metadata: dict[UUID, Metadata] = {}
    for record_id in {head.record_id for head in heads}:
        ids = [head.id for head in heads if head.record_id == record_id]
        sealed = await store.list_metadata(connection, permit, record_id, ids)
        if not sealed:  # erased since
            continue
        key = vault.unwrap(record_id, next(iter(sealed.values())).key)
        metadata |= {id: sealing.open_metadata(key, id, one.metadata) for id, one in sealed.items()}
    return tuple(Found(head, metadata[head.id]) for head in heads if head.id in metadata)
