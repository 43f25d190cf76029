"""The lines of the directory file being imported, and the professionals missing from it."""

from collections.abc import Sequence

from services.identity.directory.domain.directory import Professional
from services.identity.imports.domain.extraction import ActivityLine, ProfessionalActivities
from shared.db.pool import Connection

CLEAR = "truncate directory_lines"


async def clear_lines(connection: Connection) -> None:
    """Deletes all lines."""
    await connection.execute(CLEAR)


INSERT_LINES = """
insert into directory_lines (professional_id, line, name, profession, specialty, structure_id, structure_name)
select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])"""


async def insert_lines(connection: Connection, lines: Sequence[ActivityLine]) -> None:
    """Stores a batch of lines until the whole file has been read."""
    await connection.execute(
        INSERT_LINES,
        [line.professional_id for line in lines],
        [line.line for line in lines],
        [line.name for line in lines],
        [line.profession for line in lines],
        [line.specialty for line in lines],
        [line.structure_id for line in lines],
        [line.structure_name for line in lines],
    )


SELECT_STRUCTURES = """
select structure_id, max(structure_name) as name from directory_lines
where structure_id > $1 group by structure_id order by structure_id limit $2"""


async def load_structures_page(connection: Connection, after: str, limit: int) -> dict[str, str | None]:
    """Returns the next structures by id, with their names where the file has one."""
    rows = await connection.fetch(SELECT_STRUCTURES, after, limit)
    return {row["structure_id"]: row["name"] for row in rows}


SELECT_PROFESSIONALS = """
select professional_id, array_agg(distinct name) as names,
       coalesce(array_agg(distinct profession) filter (where profession is not null), '{}') as professions,
       coalesce(array_agg(distinct specialty) filter (where specialty is not null), '{}') as specialties,
       coalesce(array_agg(distinct structure_id) filter (where structure_id is not null), '{}') as structure_ids
from directory_lines where professional_id > $1
group by professional_id order by professional_id limit $2"""


async def load_professionals_page(connection: Connection, after: str, limit: int) -> list[ProfessionalActivities]:
    """Returns the next professionals by id, with the combined content of their lines."""
    return [ProfessionalActivities(*row.values()) for row in await connection.fetch(SELECT_PROFESSIONALS, after, limit)]


COUNT_ABSENT = """
select count(*) as active,
       count(*) filter (where not exists (
         select from directory_lines where professional_id = professionals.id)) as absent
from professionals where status = 'active' and listed"""


async def count_absent(connection: Connection) -> tuple[int, int]:
    """Returns the number of active professionals who came with a file, and how many of them have no line in this
    one."""
    row = await connection.fetchrow(COUNT_ABSENT)
    assert row is not None
    return row["active"], row["absent"]


SELECT_ABSENT = """
select id, name, profession, status, structure_ids, specialties from professionals
where status = 'active' and listed and id > $1
  and not exists (select from directory_lines where professional_id = professionals.id)
order by id limit $2 for update"""


async def load_absent_page(connection: Connection, after: str, limit: int) -> list[Professional]:
    """Returns the next active professionals by id, locked, who came with a file and have no line in this one."""
    rows = await connection.fetch(SELECT_ABSENT, after, limit)
    return [
        Professional(
            row["id"],
            row["name"],
            row["profession"],
            row["status"],
            tuple(row["structure_ids"]),
            tuple(row["specialties"]),
        )
        for row in rows
    ]
