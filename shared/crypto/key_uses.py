"""Which keys a service's database needs: noted there by triggers, compared with the rings before a process starts.

A process without such a key would be ready, answer what lies under it with an error, and take a person it cannot
recognise for a new one. See `key_uses` and `key_columns` in the shared migrations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import asyncpg

from shared.crypto.keyring import Keyring
from shared.db.pool import Connection
from shared.errors import CodedError, TransientError
from shared.runtime.settings import PostgresSettings

Rings = Mapping[str, Keyring]
"""A service's keyrings by the name of their setting (`kek` of KEYS__KEK)."""

SELECT_USES = "select ring, kid, key_check from key_uses order by ring, kid"
SET_CHECK = "update key_uses set key_check = $3 where ring = $1 and kid = $2 and key_check is null"
COUNT_USES = 'select ring, kid, used_by, used_in, "rows" from count_key_uses()'
FORGET_USE = "delete from key_uses where ring = $1 and kid = $2"
FILL_USES = 'select "position" from fill_key_uses($1)'
NO_TIME_LIMIT: Final = {"statement_timeout": "0", "lock_timeout": "5000", "timezone": "UTC"}


class NotMigratedError(TransientError):
    """The database does not have the tables of this release yet: run `migrate` first."""

    code = "not-migrated"


class KeyMissingError(CodedError):
    """Rows lie under a key that is not in its ring: put it back, or re-wrap them first."""

    code = "key-missing"

    def __init__(self, ring: str, kid: str) -> None:
        super().__init__(
            f"key {kid} of ring {ring} is missing and rows lie under it: put it back, or re-wrap them first "
            "(keys status, keys rewrap)"
        )


class KeyDiffersError(CodedError):
    """A key of the ring has the id of another one, under which rows lie."""

    code = "key-differs"

    def __init__(self, ring: str, kid: str) -> None:
        super().__init__(f"key {kid} of ring {ring} is not the one of that id under which rows lie: put that one back")


@dataclass(frozen=True, slots=True)
class KeyUse:
    """How many rows of a column lie under a key."""

    ring: str
    kid: str
    table: str
    column: str
    rows: int


async def connect(postgres: PostgresSettings, application: str) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection as the app role for work that may take long."""
    return await asyncpg.connect(
        postgres.dsn.get_secret_value(), timeout=10, server_settings={"application_name": application, **NO_TIME_LIMIT}
    )


async def check_rings(postgres: PostgresSettings, service: str, rings: Rings) -> None:
    """Compares the rings with the keys in use. Raises KeyMissingError, KeyDiffersError, NotMigratedError."""
    connection = await connect(postgres, f"{service}-keys")
    try:
        await compare(connection, rings)
    finally:
        await connection.close()


async def compare(connection: Connection, rings: Rings) -> None:
    """`check_rings` on a connection. The first process that sees a key in use notes which one it is."""
    try:
        uses = await connection.fetch(SELECT_USES)
    except asyncpg.UndefinedTableError as error:
        raise NotMigratedError from error
    for ring, kid, key_check in uses:
        if ring not in rings or kid not in rings[ring].keys:
            raise KeyMissingError(ring, kid)
        expected = rings[ring].fingerprint("key-check", ring, kid=kid)
        if key_check is None:
            await connection.execute(SET_CHECK, ring, kid, expected)
        elif key_check != expected:
            raise KeyDiffersError(ring, kid)


async def count_uses(connection: Connection) -> Sequence[KeyUse]:
    """How many rows of each column lie under each key; reads every row."""
    return [KeyUse(*row) for row in await connection.fetch(COUNT_USES)]


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A key of a ring, or one under which rows lie. `rows`: by column."""

    ring: str
    kid: str
    state: Literal["active", "kept", "missing"]
    rows: Mapping[str, int]


async def key_status(postgres: PostgresSettings, service: str, rings: Rings) -> Sequence[KeyStatus]:
    """Every key with the rows under it; reads every row of the columns concerned."""
    connection = await connect(postgres, f"{service}-keys")
    try:
        uses = await count_uses(connection)
    finally:
        await connection.close()
    rows: dict[tuple[str, str], dict[str, int]] = {(ring, kid): {} for ring in rings for kid in rings[ring].keys}
    for use in uses:
        rows.setdefault((use.ring, use.kid), {})[f"{use.table}.{use.column}"] = use.rows
    return [KeyStatus(ring, kid, _state(rings, ring, kid), columns) for (ring, kid), columns in sorted(rows.items())]


def _state(rings: Rings, ring: str, kid: str) -> Literal["active", "kept", "missing"]:
    if ring not in rings or kid not in rings[ring].keys:
        return "missing"
    return "active" if kid == rings[ring].active else "kept"


async def forget_unused(connection: Connection, rings: Rings) -> Sequence[tuple[str, str]]:
    """Forgets the keys, other than the active ones, under which no row lies. Returns ring and id of each.

    A process that still seals under such a key may have done so while the rows were counted: they are looked through
    again afterwards, and what is found is noted again.
    """
    needed = {(use.ring, use.kid) for use in await count_uses(connection)}
    needed |= {(ring, keyring.active) for ring, keyring in rings.items()}
    noted = {(row["ring"], row["kid"]) for row in await connection.fetch(SELECT_USES)}
    unused = sorted(noted - needed)
    for ring, kid in unused:
        await connection.execute(FORGET_USE, ring, kid)
    position: str | None = "" if unused else None
    while position is not None:
        position = await connection.fetchval(FILL_USES, position)
    return unused
