"""Professionals and structures of the directory."""

from collections.abc import Iterable, Sequence

import asyncpg

from services.identity.directory.domain.directory import Professional, Structure
from shared.db.pool import Connection

UPSERT_PROFESSIONALS = """
insert into professionals (id, name, profession, status, structure_ids, specialties, version)
select id, name, profession, status, string_to_array(structure_ids, ' '), string_to_array(specialties, ' '), 1
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
  as input_rows(id, name, profession, status, structure_ids, specialties)
order by id
on conflict on constraint professionals_pkey do update
set name = excluded.name, profession = excluded.profession, status = excluded.status,
    structure_ids = excluded.structure_ids, specialties = excluded.specialties, version = professionals.version + 1
where (professionals.name, professionals.profession, professionals.status, professionals.structure_ids,
       professionals.specialties)
      is distinct from (excluded.name, excluded.profession, excluded.status, excluded.structure_ids,
                        excluded.specialties)
returning id, version"""


async def put_professionals(connection: Connection, entries: Iterable[Professional]) -> dict[str, int]:
    """Writes entries, each id at most once. Returns the new versions by id; unchanged entries are not in the result."""
    people = list(entries)
    rows = await connection.fetch(
        UPSERT_PROFESSIONALS,
        [person.id for person in people],
        [person.name for person in people],
        [person.profession for person in people],
        [person.status for person in people],
        [" ".join(person.structure_ids) for person in people],  # codes have no blanks
        [" ".join(person.specialties) for person in people],
    )
    return {row["id"]: row["version"] for row in rows}


MARK_LISTED = "update professionals set listed = true where id = any($1::text[]) and not listed"


async def mark_listed(connection: Connection, ids: Iterable[str]) -> None:
    """Marks professionals as contained in a file of the directory."""
    await connection.execute(MARK_LISTED, list(ids))


SELECT_PROFESSIONALS = """
select id, name, profession, status, structure_ids, specialties, version
from professionals where id = any($1::text[])"""


async def load_professionals(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Professional, int]]:
    """Returns the existing entries with their versions, by id."""
    rows = await connection.fetch(SELECT_PROFESSIONALS, ids)
    return {row["id"]: (_professional(row), row["version"]) for row in rows}


async def load_professional(connection: Connection, professional_id: str) -> tuple[Professional, int] | None:
    """Returns the entry and its version, or None."""
    return (await load_professionals(connection, [professional_id])).get(professional_id)


UPSERT_STRUCTURES = """
insert into structures (id, name, status, sector, version)
select id, name, status, sector, 1
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as input_rows(id, name, status, sector)
order by id
on conflict on constraint structures_pkey do update
set name = excluded.name, status = excluded.status, sector = coalesce(excluded.sector, structures.sector),
    version = structures.version + 1
where (structures.name, structures.status, structures.sector)
      is distinct from (excluded.name, excluded.status, coalesce(excluded.sector, structures.sector))
returning id, version"""


async def put_structures(connection: Connection, entries: Iterable[Structure]) -> dict[str, int]:
    """Writes entries, each id at most once. Returns the new versions by id; unchanged entries are not in the result. A
    sector of None keeps the stored sector."""
    places = list(entries)
    columns = (
        [structure.id for structure in places],
        [structure.name for structure in places],
        [structure.status for structure in places],
    )
    rows = await connection.fetch(UPSERT_STRUCTURES, *columns, [structure.sector for structure in places])
    return {row["id"]: row["version"] for row in rows}


SELECT_STRUCTURES = "select id, name, status, sector, version from structures where id = any($1::text[]) order by id"


async def load_structures(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Structure, int]]:
    """Returns the existing entries with their versions, by id."""
    rows = await connection.fetch(SELECT_STRUCTURES, ids)
    return {
        row["id"]: (Structure(row["id"], row["name"], row["status"], row["sector"]), row["version"]) for row in rows
    }


def _professional(row: asyncpg.Record) -> Professional:
    return Professional(
        row["id"],
        row["name"],
        row["profession"],
        row["status"],
        tuple(row["structure_ids"]),
        tuple(row["specialties"]),
    )
