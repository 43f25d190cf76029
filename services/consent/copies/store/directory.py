"""The copy of the public directory: identifiers, professions, and whether they are active."""

from collections.abc import Iterable, Sequence

from services.consent.copies.domain import DirectoryEntry
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.terminology.professions import DOCTOR

UPSERT_ENTRIES = """
insert into directory_entries (id, version, profession, active)
select id, version, profession, active
from unnest($1::text[], $2::bigint[], $3::text[], $4::boolean[]) as given(id, version, profession, active)
order by id
on conflict on constraint directory_entries_pkey do update
set version = excluded.version, profession = excluded.profession, active = excluded.active
where excluded.version > directory_entries.version
returning id"""


async def upsert_entries(connection: Connection, events: Sequence[ProfessionalChanged | StructureChanged]) -> set[str]:
    """Stores the newer entries; each identifier at most once. Returns the identifiers whose entry was newer."""
    rows = await connection.fetch(
        UPSERT_ENTRIES,
        [event.key for event in events],
        [event.version for event in events],
        [event.profession if isinstance(event, ProfessionalChanged) else None for event in events],
        [event.status == "active" for event in events],
    )
    return {row["id"] for row in rows}


SELECT_NON_DOCTORS = """
select id from directory_entries where id = any($1::text[]) and not (active and profession is not distinct from $2)"""


async def non_doctors_among(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Returns the identifiers that the directory lists as anything but an active doctor."""
    return {row["id"] for row in await connection.fetch(SELECT_NON_DOCTORS, list(ids), DOCTOR)}


SELECT_ENTRIES = "select id, profession, active from directory_entries where id = any($1::text[])"


async def find_entries(connection: Connection, ids: Iterable[str]) -> dict[str, DirectoryEntry]:
    """Returns the directory's entries by identifier; unknown identifiers are left out."""
    rows = await connection.fetch(SELECT_ENTRIES, list(ids))
    return {row["id"]: DirectoryEntry(row["id"], row["profession"], row["active"]) for row in rows}
