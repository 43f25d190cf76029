"""The keys that a service's database needs. Triggers note them; a process compares them with its rings at start.

Without such a key a process would look ready, fail on every value sealed with it, and register a person it cannot
recognise a second time. See `key_uses`, `key_columns` and `key_checks` in the shared migrations.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Final, Literal

import asyncpg

from shared.crypto.keyring import Keyring
from shared.db.connection import open_connection
from shared.db.migrate import NotMigratedError
from shared.db.pool import Connection
from shared.errors import CodedError
from shared.runtime.settings import PostgresSettings

Rings = Mapping[str, Keyring]
"""A service's keyrings by the name of their setting (`kek` of KEYS__KEK)."""

SELECT_USES = "select ring, kid from key_uses order by ring, kid"
SELECT_CHECKS = "select ring, kid, key_check from key_checks order by ring, kid"
INSERT_CHECKS = """
insert into key_checks (ring, kid, key_check) select * from unnest($1::text[], $2::text[], $3::text[])
on conflict on constraint key_checks_pkey do nothing"""
DELETE_CHECK = "delete from key_checks where ring = $1 and kid = $2 and key_check = $3"
COUNT_USES = 'select ring, kid, used_by, used_in, "rows" from count_key_uses()'
FORGET_USE = "delete from key_uses where ring = $1 and kid = $2"
FILL_USES = 'select "position" from fill_key_uses($1)'
NO_TIME_LIMIT: Final = {"statement_timeout": "0", "lock_timeout": "5000", "timezone": "UTC"}


class KeyMissingError(CodedError):
    """Rows lie under a key that is not in its ring: put it back, or re-wrap them first."""

    code = "key-missing"

    def __init__(self, ring: str, kid: str) -> None:
        super().__init__(
            f"key {kid} of ring {ring} is missing and rows lie under it: put it back, or re-wrap them first "
            "(keys status, keys rewrap)"
        )


class KeyDiffersError(CodedError):
    """A key of the ring has the id of another one, with which a process has started before."""

    code = "key-differs"

    def __init__(self, ring: str, kid: str) -> None:
        super().__init__(
            f"key {kid} of ring {ring} is not the one that was noted under that id: put that one back, "
            "or, if no rows lie under it, forget it (keys status, keys rewrap)"
        )


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The number of rows of a column that are sealed with a key."""

    ring: str
    kid: str
    table: str
    column: str
    rows: int


async def connect(postgres: PostgresSettings, application: str) -> "asyncpg.Connection[asyncpg.Record]":
    """Returns a connection as the app role, without statement time-out, for long work."""
    return await open_connection(
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
    """Does the work of `check_rings` on a connection. The first process that starts with a key stores a hash of it."""
    try:
        uses = await connection.fetch(SELECT_USES)
        checks = _checks_of(rings)
        await connection.execute(INSERT_CHECKS, [r for r, _ in checks], [k for _, k in checks], list(checks.values()))
        noted = await connection.fetch(SELECT_CHECKS)
    except asyncpg.UndefinedTableError as error:
        raise NotMigratedError from error
    for ring, kid in uses:
        if (ring, kid) not in checks:
            raise KeyMissingError(ring, kid)
    for ring, kid, key_check in noted:
        if checks.get((ring, kid), key_check) != key_check:
            raise KeyDiffersError(ring, kid)


def _checks_of(rings: Rings) -> dict[tuple[str, str], str]:
    """Returns a keyed hash of each key, by its ring and id."""
    return {
        (ring, kid): keyring.fingerprint("key-check", ring, kid=kid)
        for ring, keyring in rings.items()
        for kid in keyring.keys
    }


async def count_uses(connection: Connection) -> Sequence[KeyUse]:
    """Returns the number of rows of each column under each key; reads every row."""
    return [KeyUse(*row) for row in await connection.fetch(COUNT_USES)]


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A key of a ring, or a key that rows need. `rows`: number of rows by column."""

    ring: str
    kid: str
    state: Literal["active", "kept", "missing"]
    rows: Mapping[str, int]


async def key_status(postgres: PostgresSettings, service: str, rings: Rings) -> Sequence[KeyStatus]:
    """Returns every key with the number of rows it seals; reads every row of the columns concerned."""
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
    """Forgets keys without rows, and returns the ring and id of each forgotten key that is not active.

    For keys that are neither in the rings nor used by a row it also forgets the stored hash. A process may seal with
    such a key while the rows are counted; the rows are therefore scanned again afterwards, and any use found is noted
    again.
    """
    used = {(use.ring, use.kid) for use in await count_uses(connection)}
    await _forget_checks(connection, rings, used)
    needed = used | {(ring, keyring.active) for ring, keyring in rings.items()}
    noted = {(row["ring"], row["kid"]) for row in await connection.fetch(SELECT_USES)}
    unused = sorted(noted - needed)
    for ring, kid in unused:
        await connection.execute(FORGET_USE, ring, kid)
    position: str | None = "" if unused else None
    while position is not None:
        position = await connection.fetchval(FILL_USES, position)
    return unused


async def _forget_checks(connection: Connection, rings: Rings, used: Set[tuple[str, str]]) -> None:
    checks = _checks_of(rings)
    for ring, kid, key_check in await connection.fetch(SELECT_CHECKS):
        if (ring, kid) not in used and checks.get((ring, kid)) != key_check:
            await connection.execute(DELETE_CHECK, ring, kid, key_check)
