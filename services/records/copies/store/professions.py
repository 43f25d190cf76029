"""The local copy of the professions in the directory."""

from collections.abc import Iterable, Sequence

from services.records.copies.domain.copies import ProfessionsById
from shared.contracts.identity import ProfessionalChanged
from shared.db.pool import Connection

UPSERT_PROFESSIONS = """
insert into professions (professional_id, version, profession, active)
select id, version, profession, active
from unnest($1::text[], $2::bigint[], $3::text[], $4::boolean[]) as given(id, version, profession, active)
order by id
on conflict on constraint professions_pkey do update
set version = excluded.version, profession = excluded.profession, active = excluded.active
where excluded.version > professions.version
returning professional_id"""


async def upsert_professions(connection: Connection, events: Sequence[ProfessionalChanged]) -> set[str]:
    """Applies newer versions, at most one event for each professional. Returns the ids of those that changed."""
    rows = await connection.fetch(
        UPSERT_PROFESSIONS,
        [event.professional_id for event in events],
        [event.version for event in events],
        [event.profession for event in events],
        [event.status == "active" for event in events],
    )
    return {row["professional_id"] for row in rows}


SELECT_PROFESSIONS = """
select professional_id, case when active then profession end as profession
from professions where professional_id = any($1::text[])"""


async def load_professions(connection: Connection, ids: Iterable[str]) -> ProfessionsById:
    """Returns the professions of those that the directory knows (`ProfessionsById`)."""
    rows = await connection.fetch(SELECT_PROFESSIONS, list(ids))
    return {row["professional_id"]: row["profession"] for row in rows}
