"""The documents of a record are asked for: each is listed only where the rules permit it to this asker.

The rules are asked once for each combination of what they look at that the record's documents have; the list is of the
documents with a permitted one. Of a person with two linked records both are searched, each under its own rights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.records import sealing
from services.records.announcements import announce
from services.records.domain.copies import RecordFacts
from services.records.domain.documents import Head, Metadata
from services.records.domain.facts import Combination, combination_of, record_facts
from services.records.domain.listing import Searched, is_wanted, require_permit_of, search
from services.records.domain.reading import access_of
from services.records.held_records import retried_while_held
from services.records.store import finding
from services.records.store import reading as store
from services.records.usecases.desk import Desk
from shared.access import Permit, Refusal
from shared.db.pool import Connection
from shared.errors import NotFoundError
from shared.http.tokens import Caller
from shared.messaging.outbox import append
from shared.runtime import clock
from shared.runtime.metrics import REFUSED

LAST = UUID(int=(1 << 128) - 1)
CURRENT = frozenset({"current"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which record, by its id or by the fingerprints of an INS; which page; which statuses, in FHIR's words."""

    record_id: UUID | None
    ins_fingerprints: tuple[str, ...]
    count: int
    before: UUID = LAST
    statuses: frozenset[str] = CURRENT

    @property
    def stand_in(self) -> int:
        """A number of this question, always the same."""
        return self.record_id.int if self.record_id else int(self.ins_fingerprints[0].rpartition(".")[2][:8], 16)


@dataclass(frozen=True, slots=True)
class Found:
    """A document that may be listed; `notices`: what the reader is to be told beside it."""

    head: Head
    metadata: Metadata
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. `after`: where the next page begins; None on the last. `record_id` None: nothing may be told."""

    record_id: UUID | None
    documents: tuple[Found, ...]
    after: UUID | None = None


@retried_while_held
async def find_documents(desk: Desk, caller: Caller, wanted: Wanted) -> Page:
    """An empty page for an unknown record as for one that somebody chose to hide.

    Raises ForbiddenError, UncheckableError.
    """
    async with desk.pool.acquire() as connection:
        async with store.fenced(connection):
            searched = [
                await _search(connection, caller, one, desk, clock.now())
                for one in await _records(desk, connection, wanted)
            ]
            heads = await _look(connection, caller, searched, wanted)
            await _trace(connection, caller, searched)
        try:
            permit = require_permit_of(searched)
        except NotFoundError:
            return Page(None, ())
        listed = heads[: wanted.count]
        found = await _open(connection, desk, permit, caller, searched, listed)
    return Page(searched[0].record.id, found, listed[-1].id if len(heads) > wanted.count else None)


async def _records(desk: Desk, connection: Connection, wanted: Wanted) -> list[RecordFacts]:
    """The record asked for, and the other one of the same person."""
    if wanted.record_id is not None:
        record_id = await store.fence_by_id(connection, wanted.record_id)
    else:
        record_id = await store.fence_by_ins(connection, wanted.ins_fingerprints)
    records = [await store.load_facts(connection, desk.matrices, record_id, wanted.stand_in)]
    if records[0].linked_to is not None:
        records.append(await store.load_facts(connection, desk.matrices, records[0].linked_to, wanted.stand_in))
    return records


async def _search(connection: Connection, caller: Caller, record: RecordFacts, desk: Desk, now: datetime) -> Searched:
    common = record_facts(caller, "find", record, now=now, limit=desk.limit, parameters=desk.parameters)
    combinations = await finding.load_combinations(connection, record.id, caller) if record.id is not None else {}
    return search(common, caller, record, combinations)


async def _look(connection: Connection, caller: Caller, searched: Iterable[Searched], wanted: Wanted) -> list[Head]:
    """The first documents that may be listed, newest first, and one more if there is one."""
    heads: list[Head] = []
    for one in searched:
        keys = [key for key in one.permitted if is_wanted(one.combinations[key], wanted.statuses)]
        if keys and one.record.id is not None:
            heads += await finding.load_permitted(
                connection, one.record.id, caller, keys, wanted.before, wanted.count + 1
            )
    return sorted(heads, key=lambda head: head.id, reverse=True)[: wanted.count + 1]


async def _trace(connection: Connection, caller: Caller, searched: Iterable[Searched]) -> None:
    accesses = []
    for one in searched:
        if isinstance(one.decision, Refusal):
            REFUSED.labels("find-documents", one.decision.reason).inc()
        combinations = [answer.told for answer in one.answers.values()]
        judged = (one.common, one.decision)
        accesses.append(access_of(caller, "find-documents", judged, one.record, None, combinations))
    await append(connection, [announce(access.packed()) for access in accesses if access is not None])


async def _open(
    connection: Connection, desk: Desk, permit: Permit, caller: Caller, searched: Iterable[Searched], heads: list[Head]
) -> tuple[Found, ...]:
    metadata: dict[UUID, Metadata] = {}
    for record_id in {head.record_id for head in heads}:
        ids = [head.id for head in heads if head.record_id == record_id]
        sealed = await store.list_metadata(connection, permit, record_id, ids)
        if not sealed:  # erased since
            continue
        key = desk.vault.unwrap(record_id, next(iter(sealed.values())).key)
        metadata |= {id: sealing.open_metadata(key, id, one.metadata) for id, one in sealed.items()}
    notices: Mapping[UUID | None, Mapping[Combination, tuple[str, ...]]] = {
        one.record.id: one.notices() for one in searched
    }
    return tuple(
        Found(head, metadata[head.id], notices[head.record_id].get(combination_of(head, caller), ()))
        for head in heads
        if head.id in metadata
    )
