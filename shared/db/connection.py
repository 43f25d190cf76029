"""Connects to the host that takes writes, of those that a connection string names, even while others are silent.

asyncpg tries the hosts one after another within one time limit. A machine that has lost its power refuses nothing: it
would use up the limit of every attempt, and the standby that took over would never be reached. Nor is the error of a
standby the last word: it may not know yet of a database or a role that the primary has.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import asyncpg

from shared.db.errors import DATABASE_ERRORS
from shared.runtime.tasks import end_tasks

_WRITABLE: Final = ("read-write", "primary")
"""The values of `target_session_attrs` that the primary alone fulfils, so that the order of the hosts is no matter."""


async def open_connection(dsn: str, **options: Any) -> "asyncpg.Connection[asyncpg.Record]":
    """Returns a connection as `asyncpg.connect` does; several hosts of which one takes writes are tried at once.

    Raises what asyncpg raises: the error of a server that answers, else that of the first host.
    """
    addresses = _addresses(dsn)
    if len(addresses) == 1:
        return await asyncpg.connect(dsn, **options)
    attempts = [asyncio.create_task(_attempt(address, options)) for address in addresses]
    chosen = None
    try:
        for outcome in asyncio.as_completed(attempts):
            result = await outcome
            if not isinstance(result, Exception):
                chosen = result
                return chosen
        raise _reason([attempt.result() for attempt in attempts])
    finally:
        await end_tasks(attempts)
        for attempt in attempts:
            if not attempt.cancelled() and attempt.result() is not chosen:
                _discard(attempt.result())


async def _attempt(address: str, options: dict[str, Any]) -> "asyncpg.Connection[asyncpg.Record] | Exception":
    """Returns a connection to one host, or why there is none."""
    try:
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(address, **options)
    except DATABASE_ERRORS as error:
        return error
    return connection


def _discard(result: "asyncpg.Connection[asyncpg.Record] | Exception") -> None:
    """Closes a second connection, which came too late."""
    if not isinstance(result, Exception):
        result.terminate()


def _reason(errors: Sequence["asyncpg.Connection[asyncpg.Record] | Exception"]) -> Exception:
    """Returns the error to raise when no host could be used."""
    failures = [error for error in errors if isinstance(error, Exception)]
    return next((error for error in failures if isinstance(error, asyncpg.PostgresError)), failures[0])


def _addresses(dsn: str) -> list[str]:
    """Returns a connection string for each host if one of several is wanted, else the string itself."""
    parts = urlsplit(dsn)
    login, at, hosts = parts.netloc.rpartition("@")
    if parse_qs(parts.query).get("target_session_attrs", [""])[-1] not in _WRITABLE:
        return [dsn]
    return [parts._replace(netloc=f"{login}{at}{host}").geturl() for host in hosts.split(",")]
