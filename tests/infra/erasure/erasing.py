"""Erasure in tests: the event, a search of a whole database for remaining data, and the acknowledgements."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from shared.contracts.identity import ErasureAcknowledged, RecordErased
from shared.contracts.topics import ERASURE_ACKNOWLEDGEMENTS
from shared.db.pool import Pool, transaction
from shared.erasure.erased_records import ErasureFinisher
from shared.runtime import clock
from tests.infra.messaging.messages import message
from tests.infra.platform.databases import Database

SELECT_TABLES = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by c.relname"""
KEPT_HERE = frozenset({"erased_records", "ledger_entries", "inbox", "sent_facts"})
"""Tables that keep ids: erased records, the ledger, handled events, and for three days facts for the ledger."""


def erased(record_id: UUID) -> RecordErased:
    """Returns identity's event of an erasure."""
    return RecordErased(record_id=record_id, erasure_id=uuid4(), reason="gdpr-decision", decided_at=clock.now())


async def tables_with(database: Database, ids: Iterable[UUID], *, besides: frozenset[str] = KEPT_HERE) -> set[str]:
    """Returns all tables in which one of these ids occurs anywhere: as a value, in a text, in bytes."""
    needles = [form for id in ids for form in (str(id), id.hex, str(id).encode().hex())]
    patterns = [f"%{needle}%" for needle in needles]
    connection = await asyncpg.connect(database.owner_dsn)
    try:
        tables = [row["relname"] for row in await connection.fetch(SELECT_TABLES)]
        assert len(tables) > 7
        names = set()
        for table in set(tables) - besides:
            query = f'select exists (select from "{table}" as line where line::text like any($1::text[]))'
            if await connection.fetchval(query, patterns):
                names.add(table)
        return names
    finally:
        await connection.close()


async def erase(pool: Pool, handler: Any, *record_ids: UUID) -> None:
    """Begins the erasures with the service's handler, in one transaction."""
    async with transaction(pool) as connection:
        await handler(connection, [message(erased(record_id)) for record_id in record_ids])


async def finish(pool: Pool, finisher: ErasureFinisher, record_id: UUID) -> int:
    """Completes an erasure. Returns the number of batches."""
    for batches in range(1000):
        async with transaction(pool) as connection:
            if await finisher.step(connection, record_id):
                return batches
    raise AssertionError("it does not end")


async def acknowledged(pool: Pool, record_id: UUID) -> list[ErasureAcknowledged]:
    """Returns the acknowledgements of a record in the outbox."""
    rows = await pool.fetch(
        "select payload from outbox where topic = any($1::text[]) and key = $2 order by id",
        [topic.name for topic in ERASURE_ACKNOWLEDGEMENTS.values()],
        str(record_id).encode(),
    )
    return [ErasureAcknowledged.model_validate_json(row["payload"]) for row in rows]
