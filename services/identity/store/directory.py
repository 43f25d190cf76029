"""Professionals and structures."""

from collections.abc import Sequence

from services.identity.domain.directory import Professional, Structure
from shared.db.pool import Connection

UPSERT_PROFESSIONAL = """
insert into professionals (id, name, profession, status, structure_ids, version) values ($1, $2, $3, $4, $5, 1)
on conflict on constraint professionals_pkey do update
set name = excluded.name, profession = excluded.profession, status = excluded.status,
    structure_ids = excluded.structure_ids, version = professionals.version + 1
where (professionals.name, professionals.profession, professionals.status, professionals.structure_ids)
      is distinct from (excluded.name, excluded.profession, excluded.status, excluded.structure_ids)
returning version"""


async def put_professional(connection: Connection, entry: Professional) -> int | None:
    """The new version, or None when the entry stands as it is."""
    version: int | None = await connection.fetchval(
        UPSERT_PROFESSIONAL, entry.id, entry.name, entry.profession, entry.status, list(entry.structure_ids)
    )
    return version


SELECT_PROFESSIONAL = """
select id, name, profession, status, structure_ids, version from professionals where id = $1"""


async def load_professional(connection: Connection, professional_id: str) -> tuple[Professional, int] | None:
    """An entry and its version."""
    row = await connection.fetchrow(SELECT_PROFESSIONAL, professional_id)
    if row is None:
        return None
    structures = tuple(row["structure_ids"])
    return Professional(row["id"], row["name"], row["profession"], row["status"], structures), row["version"]


UPSERT_STRUCTURE = """
insert into structures (id, name, status, version) values ($1, $2, $3, 1)
on conflict on constraint structures_pkey do update
set name = excluded.name, status = excluded.status, version = structures.version + 1
where (structures.name, structures.status) is distinct from (excluded.name, excluded.status)
returning version"""


async def put_structure(connection: Connection, entry: Structure) -> int | None:
    """The new version, or None when the entry stands as it is."""
    version: int | None = await connection.fetchval(UPSERT_STRUCTURE, entry.id, entry.name, entry.status)
    return version


SELECT_STRUCTURES = "select id, name, status, version from structures where id = any($1::text[]) order by id"


async def load_structures(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Structure, int]]:
    """The entries that exist, with their versions, by id."""
    rows = await connection.fetch(SELECT_STRUCTURES, ids)
    return {row["id"]: (Structure(row["id"], row["name"], row["status"]), row["version"]) for row in rows}
