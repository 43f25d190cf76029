"""Every table that names a record is emptied by an erasure: a new one that no statement names fails here.

identity has its own test, in `tests/identity/erasure`: its erasure is a decision, not a message.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from services.audit.erasure.steps import erase_record as erase_in_audit
from services.audit.ledger.store import remove_visibilities
from services.consent.erasure.steps import erase_record as erase_in_consent
from services.consent.erasure.store import remove_changes
from services.notify.erasure.steps import erase_record as erase_in_notify
from services.notify.erasure.store import remove_alerts
from services.records.erasure.steps import erase_record as erase_in_records
from services.records.erasure.store import remove_rows
from shared.contracts.declarations import Service
from shared.db.pool import Connection, Pool
from shared.erasure.erased_records import ErasureFinisher
from tests.conftest import NewPool
from tests.infra.erasure.erasing import KEPT_HERE, erased
from tests.infra.messaging.messages import message

KEPT = KEPT_HERE | {"incomplete_states", "care_day_position"}
"""Where ids of erased records stay. `incomplete_states` is a list of work, emptied by the loop that works it off;
`care_day_position` has the last document of a walk over all of them."""
NAMING_A_RECORD = """
select distinct c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname in ('record_id', 'document_id', 'deposit_id')
where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition"""
BODIES = """
select prosrc from pg_proc where proname = any($1::text[])
union all
select f.prosrc from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_proc f on f.oid = t.tgfoid
where c.relname = any($1::text[]) and t.tgtype & 8 <> 0"""
"""The functions of these names, and the triggers on deletion of the tables of these names."""
DELETED = re.compile(r"delete from (?:public\.)?(\w+)")
Handler = Callable[[Connection, list[Any]], Awaitable[None]]
Remover = Callable[[Connection, Any], Awaitable[dict[str, int]]]
ERASURES: list[tuple[Service, Handler, Remover]] = [
    ("records", erase_in_records, remove_rows),
    ("consent", erase_in_consent, remove_changes),
    ("audit", erase_in_audit, remove_visibilities),
    ("notify", erase_in_notify, remove_alerts),
]


async def emptied(pool: Pool, service: Service, handler: Handler, remove: Remover) -> set[str]:
    """Returns the tables that the erasure of a record deletes from, also in functions and triggers of the database."""
    statements: list[str] = []
    event = erased(uuid4())
    async with pool.acquire() as pooled:
        connection: Any = pooled
        with connection.query_logger(lambda statement: statements.append(statement.query)):
            async with connection.transaction():
                await handler(connection, [message(event)])
            async with connection.transaction():
                assert await ErasureFinisher(service, remove).step(connection, event.record_id)
        words = sorted(set(re.findall(r"\w+", " ".join(statements))))
        statements += [row["prosrc"] for row in await connection.fetch(BODIES, words)]
    return set(DELETED.findall(" ".join(statements)))


@pytest.mark.parametrize(("service", "handler", "remove"), ERASURES, ids=[service for service, *_ in ERASURES])
async def test_every_table_that_names_a_record_is_among_those_that_are_emptied(
    new_pool: NewPool, service: Service, handler: Handler, remove: Remover
) -> None:
    pool = await new_pool(service)
    tables = {row["relname"] for row in await pool.fetch(NAMING_A_RECORD)}
    assert len(tables - KEPT) > 1
    assert tables - KEPT <= await emptied(pool, service, handler, remove)
