"""Fills the databases of a running installation with the rows of many documents, by SQL.

Copies of a few documents that took the whole way get other ids, records, times and fingerprints, and the sealed parts
are cut to `KEPT_BYTES`: what grows is the number of rows and the size of indexes, not the disk. Copies go to records of
their own, `TEMPLATES` documents each, over all buckets. No trigger is called.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import asyncpg

from deploy.local.platform.stack import Stack

TEMPLATES: Final = 50
KEPT_BYTES: Final = 400
COPIES_AT_ONCE: Final = 200
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "records": {
        "documents": "id = any($1)",
        "deposits": "id = any($2)",
        "deposit_requests": "deposit_id = any($2)",
        "organisation_deposits": "deposit_id = any($2)",
        "contents": "document_id = any($1)",
        "document_combinations": "document_id = any($1)",
    },
    "audit": {"ledger_entries": "document_id = any($1)", "document_visibilities": "document_id = any($1)"},
    "notify": {"alerts": "document_id = any($1)"},
}
"""The rows of a document by database and table: $1 are ids of documents, $2 those of their deposits."""
MESSAGES: Final = {"records": 3, "consent": 1, "audit": 2, "notify": 1}
"""Rows of the inbox for each document."""
_FUNCTIONS: Final = """
create or replace function growth_record(copy bigint) returns uuid language sql immutable
return md5('record-' || copy)::uuid;
create or replace function growth_bucket(copy bigint) returns integer language sql immutable
return get_byte(sha256(uuid_send(growth_record(copy))), 0) * 256 + get_byte(sha256(uuid_send(growth_record(copy))), 1);
create or replace function growth_id(id uuid, copy bigint) returns uuid language sql immutable
return (lpad(to_hex(('x0000' || substr(encode(uuid_send(id), 'hex'), 1, 12))::bit(64)::bigint - copy), 12, '0')
        || '8' || substr(md5(id::text || copy), 1, 3) || 'a' || substr(md5(id::text || copy), 4, 11)
        || lpad(to_hex(growth_bucket(copy)), 4, '0'))::uuid"""
_COLUMNS: Final = """
select quote_ident(a.attname) as name, format_type(a.atttypid, null) as type from pg_attribute a
where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = ''
order by a.attnum"""
_TEMPLATES: Final = """
select id, deposit_id from documents
where status = 'published' and alert_handled_at is not null and audited_at is not null order by id limit $1"""
_INBOX: Final = """
insert into inbox (event_time, group_name, event_id)
select now() - make_interval(secs => copy / 1000.0), 'growth.' || part, growth_id(gen_random_uuid(), copy)
from generate_series($1::bigint, $2::bigint) as copy, generate_series(1, $3::integer) as part"""


class Filling:
    """The databases of a Stack, and how many documents they were filled with."""

    def __init__(self, stack: Stack, tell: Callable[[str], None]) -> None:
        self._stack, self._tell = stack, tell
        self._copies = 0
        self._templates: Sequence[asyncpg.Record] = ()

    async def begin(self) -> None:
        """Chooses the documents that are copied; they must be published, audited and alerted."""
        connection = await self._connect("records")
        try:
            self._templates = await connection.fetch(_TEMPLATES, TEMPLATES)
            # What waits for documents asks by their time; the services never do.
            await connection.execute("create index growth_received_at on documents using brin (received_at)")
        finally:
            await connection.close()
        if len(self._templates) < TEMPLATES:
            raise RuntimeError(f"{len(self._templates)} documents are handled, {TEMPLATES} are needed")

    async def fill(self, documents: int) -> None:
        """Fills until there are so many documents, then vacuums and writes all to the disk."""
        first, last = self._copies + 1, documents // TEMPLATES
        await asyncio.gather(*(self._fill(database, first, last) for database in MESSAGES))
        self._copies = max(self._copies, last)
        connection = await self._connect("postgres")
        try:
            await connection.execute("checkpoint")
        finally:
            await connection.close()

    async def _fill(self, database: str, first: int, last: int) -> None:
        connection = await self._connect(database)
        try:
            await connection.execute("set session_replication_role = replica; set synchronous_commit = off")
            await connection.execute(_FUNCTIONS)
            statements = [await _copying(connection, *item) for item in TABLES.get(database, {}).items()]
            documents, deposits = ([row[number] for row in self._templates] for number in (0, 1))
            for begin in range(first, last + 1, COPIES_AT_ONCE):
                end = min(last, begin + COPIES_AT_ONCE - 1)
                for statement in statements:
                    await connection.execute(statement, documents, deposits, begin, end)
                await connection.execute(_INBOX, begin, end, TEMPLATES * MESSAGES[database])
                self._tell(f"{database}: filled up to {end * TEMPLATES:,} documents")
            await connection.execute("vacuum analyze")
        finally:
            await connection.close()

    async def _connect(self, database: str) -> asyncpg.Connection:
        return await asyncpg.connect(self._stack.postgres.dsn(database), command_timeout=900)


async def _copying(connection: asyncpg.Connection, table: str, condition: str) -> str:
    columns = await connection.fetch(_COLUMNS, table)
    names = ", ".join(column["name"] for column in columns)
    values = ", ".join(_value(column["name"], column["type"]) for column in columns)
    return f"""
insert into {table} ({names}) select {values}
from {table} t cross join generate_series($3::bigint, $4::bigint) as copy
where {condition} and ($1::uuid[] is not null or $2::uuid[] is not null)"""


def _value(name: str, kind: str) -> str:
    """Returns the expression of a column in a copy."""
    match name, kind:
        case "bucket", _:
            return "growth_bucket(copy)"
        case "record_id", _:
            return "growth_record(copy)"
        case _, "uuid":
            return f"growth_id(t.{name}, copy)"
        case _, "uuid[]":
            return f"(select array_agg(growth_id(each, copy)) from unnest(t.{name}) as each)"
        case _, "timestamp with time zone":
            return f"t.{name} - make_interval(secs => copy / 1000.0)"
        case (("unique_id" | "fingerprint"), "bytea"):
            return f"sha256(t.{name} || int8send(copy))"
        case _, "bytea":
            return f"substr(t.{name}, 1, {KEPT_BYTES})"
        case _:
            return f"t.{name}"
