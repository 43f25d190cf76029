"""The names of professionals and structures, which tables show beside their national numbers."""

from collections.abc import Iterable, Mapping
from typing import Any

_TIMEOUT_S = 2.0


async def load_names(installation: Mapping[str, Any], ids: Iterable[str | None]) -> dict[str, str]:
    """Returns the names that the directory has for these national ids; empty if the directory does not answer."""
    import asyncpg

    from services.identity.directory.store import load_professionals, load_structures

    known_ids = sorted({id for id in ids if id})
    if not known_ids:
        return {}
    try:
        connection = await asyncpg.connect(installation["services"]["identity"]["app_dsn"], timeout=_TIMEOUT_S)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return {}
    try:
        professionals = await load_professionals(connection, known_ids)
        structures = await load_structures(connection, known_ids)
    finally:
        await connection.close()
    return {id: entry.name for id, (entry, _) in professionals.items()} | {
        id: entry.name for id, (entry, _) in structures.items()
    }


def named(id: str | None, names: Mapping[str, str]) -> str | None:
    """Returns the id followed by its name; the id alone where the name is unknown."""
    if id is None:
        return None
    return f"{id} {names[id]}" if id in names else id
