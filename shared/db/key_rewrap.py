"""Re-encrypts rows under the active key of their ring, a page at a time, while the service runs.

Each page is a separate transaction and needs no repetition, so an interrupted run is simply started again. A row that
another transaction changed meanwhile is skipped, because that change already used the active key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

import asyncpg

from shared.crypto.keyring import Keyring, KeyUnknownError, SealBrokenError
from shared.crypto.vault import Vault, WrappedKey
from shared.db.errors import is_transient
from shared.db.key_uses import Rings, connect, forget_unused
from shared.db.pages import BEFORE_ALL
from shared.db.pool import Connection
from shared.runtime.settings import PostgresSettings

PAGE: Final = 500
LOCK_TIMEOUT: Final = "100ms"
"""Shorter than the time after which PostgreSQL looks for deadlocks (1 s), so that a page gives way to others."""
RETRY_AFTER_S: Final = 0.2
MOST_RETRIES: Final = 300

Sealed = bytes | str
Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class SealedColumn:
    """A column of values sealed with the keys of one ring.

    `kid`: the column with the key id, if there is one. `bucket`: whether `bucket` is the first column of the primary
    key. `is_old`: an SQL condition for the rows to re-encrypt (`$1`: the active key). `reseal`: maps a row's id, key id
    and value to the new value; raises SealBrokenError. An emptied value stays empty and moves to the active key.
    """

    ring: str
    table: str
    id: str
    sealed: str
    kid: str | None
    kind: Literal["bytea", "text"]
    is_old: str
    reseal: Callable[[UUID, str, Any], Sealed]
    bucket: bool = True

    @property
    def name(self) -> str:
        """The table and the column, separated by a dot."""
        return f"{self.table}.{self.sealed}"

    @property
    def select_page(self) -> str:
        """The statement that selects the next rows to re-encrypt."""
        bucket, order = ("bucket", f"bucket, {self.id}") if self.bucket else ("0", self.id)
        after = f"({order}) > ($2, $3)" if self.bucket else f"{self.id} > $3 and $2::integer is not null"
        emptied = f" or {self.kid} <> $1" if self.kid else ""
        return f"""
select {bucket}, {self.id}, {self.kid or "''"}, {self.sealed} from {self.table}
where {after} and {self.sealed} is not null and ({self.is_old}) and (octet_length({self.sealed}) > 0{emptied})
order by {order} limit {PAGE}"""  # noqa: S608  # names of our own tables

    @property
    def update_page(self) -> str:
        """The statement that sets the new values where the old ones are unchanged."""
        bucket = "held.bucket = made.bucket and " if self.bucket else ""
        kid = f"{self.kid} = made.kid, " if self.kid else ""
        return f"""
update {self.table} held set {kid}{self.sealed} = made.new
from unnest($1::integer[], $2::uuid[], $3::{self.kind}[], $4::{self.kind}[], $5::text[])
  as made(bucket, id, old, new, kid)
where {bucket}held.{self.id} = made.id and held.{self.sealed} = made.old"""  # noqa: S608  # names of our own tables


@dataclass(frozen=True)
class KeyPlan:
    """A service's keyrings, the columns to re-encrypt, and a step that runs when all rows are done."""

    rings: Rings
    columns: Sequence[SealedColumn] = ()
    finish: Callable[[Connection], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """The result for a column: rows re-encrypted, rows whose key is not in the ring, rows that were altered."""

    column: str
    done: int = 0
    without_key: int = 0
    broken: int = 0


Report = Callable[[Rewrapped], None]
"""Called after each page with the result for its column so far."""


def wrapped_keys(
    vault: Vault, table: str = "record_keys", id: str = "record_id", *, bucket: bool = True
) -> SealedColumn:
    """Returns the column of wrapped data keys of a table, by default that of records."""
    return SealedColumn(
        ring="kek",
        table=table,
        id=id,
        sealed="wrapped",
        kid="kid",
        kind="bytea",
        is_old="kid <> $1",
        reseal=lambda owner_id, kid, wrapped: vault.rewrap(owner_id, WrappedKey(kid, wrapped)).wrapped,
        bucket=bucket,
    )


async def rewrap(postgres: PostgresSettings, service: str, plan: KeyPlan, report: Report) -> Sequence[Rewrapped]:
    """Re-encrypts every value that is not under the active key in the present format, and returns the results by
    column.

    Afterwards the keys that are no longer needed are forgotten, so that they can be removed from their rings.
    """
    connection = await connect(postgres, f"{service}-keys-rewrap")
    try:
        outcomes = [await _rewrap_column(connection, plan.rings, column, report) for column in plan.columns]
        if plan.finish is not None and not any(outcome.without_key for outcome in outcomes):
            await plan.finish(connection)
        await forget_unused(connection, plan.rings)
    finally:
        await connection.close()
    return outcomes


async def _rewrap_column(connection: Connection, rings: Rings, column: SealedColumn, report: Report) -> Rewrapped:
    ring = rings[column.ring]
    make = partial(_resealed, column, ring)
    return await rewrite_column(connection, column, ring.active, make, partial(update_rows, connection, column), report)


async def rewrite_column(
    connection: Connection,
    column: SealedColumn,
    active: str,
    make: Callable[[Sequence[asyncpg.Record]], tuple[Rewrapped, list[Row]]],
    write: Callable[[list[Row]], Awaitable[object]],
    report: Report,
) -> Rewrapped:
    """Rewrites a column, a page at a time, and returns the result. `make`: maps rows that were read to the result for
    the page and the rows to write; `write`: writes them, in a transaction of their own. `active`: the active key."""
    position, outcome = BEFORE_ALL, Rewrapped(column.name)
    while rows := await connection.fetch(column.select_page, active, *position):
        position = (rows[-1][0], rows[-1][1])
        page, made = make(rows)
        if made:
            await _write_yielding(connection, partial(write, made))
        outcome = Rewrapped(
            column.name,
            outcome.done + page.done,
            outcome.without_key + page.without_key,
            outcome.broken + page.broken,
        )
        report(outcome)
    return outcome


def _resealed(
    column: SealedColumn, ring: Keyring, rows: Sequence[asyncpg.Record]
) -> tuple[Rewrapped, list[tuple[Any, ...]]]:
    """Returns the result for a page, and the rows to write: bucket, id, old value, new value, key id."""
    made: list[tuple[Any, ...]] = []
    without_key = broken = 0
    for bucket, id, kid, value in rows:
        try:
            made.append((bucket, id, value, column.reseal(id, kid, value) if value else value, ring.active))
        except KeyUnknownError:
            without_key += 1
        except SealBrokenError:
            broken += 1
    return Rewrapped(column.name, len(made), without_key, broken), made


async def _write_yielding(connection: Connection, write: Callable[[], Awaitable[object]]) -> object:
    """Returns what `write` returns, run in a transaction that gives way to those of others: it waits up to a minute for
    locked rows. Raises permanent errors and persistent transient ones."""
    attempt = 1
    while True:
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
                return await write()
        except asyncpg.PostgresError as error:
            if not is_transient(error) or connection.is_closed() or attempt == MOST_RETRIES:
                raise
        attempt += 1
        await asyncio.sleep(RETRY_AFTER_S)


async def update_rows(connection: Connection, column: SealedColumn, made: Sequence[tuple[Any, ...]]) -> None:
    """Sets new values: bucket, id, old value, new value, key id."""
    await connection.execute(column.update_page, *(list(values) for values in zip(*made, strict=True)))
