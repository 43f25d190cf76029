"""Searches the copies of the directory, and counts the searches of each person."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from services.consent.directory.domain import SEARCHES_PERIOD, DirectoryQuery, DirectoryResult, search_words
from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

SET_PROFESSIONAL_WORDS = """
update professional_copies set structure_ids = string_to_array(copy.structure_ids, ' '), words = copy.words
from unnest($1::text[], $2::text[], $3::text[]) as copy(id, structure_ids, words)
where professional_id = copy.id"""
SET_STRUCTURE_WORDS = """
update structure_copies set words = copy.words from unnest($1::text[], $2::text[]) as copy(id, words)
where structure_id = copy.id"""


async def set_words(connection: Connection, events: Sequence[ProfessionalChanged | StructureChanged]) -> None:
    """Stores the words by which these entries are searched; each entry at most once."""
    professionals = [event for event in events if isinstance(event, ProfessionalChanged)]
    structures = [event for event in events if isinstance(event, StructureChanged)]
    await connection.execute(
        SET_PROFESSIONAL_WORDS,
        [event.key for event in professionals],
        [" ".join(event.structure_ids) for event in professionals],
        [" ".join(search_words(event.name)) for event in professionals],
    )
    await connection.execute(
        SET_STRUCTURE_WORDS,
        [event.key for event in structures],
        [" ".join(search_words(event.name)) for event in structures],
    )


# A structure has no profession, and no structures; its place is its own name. Of a place with very many professionals
# the first page is what a person reads; the words of the name narrow it.
SEARCH_DIRECTORY = """
with places as materialized (
  select structure_id from structure_copies
  where $2 <> '' and status = 'active' and to_tsvector('simple', words) @@ to_tsquery('simple', nullif($2, ''))
  limit 1000
), results as (
  (select professional_id as id, name, profession, structure_ids from professional_copies
   where status = 'active' and ($1 = '' or to_tsvector('simple', words) @@ to_tsquery('simple', nullif($1, '')))
     and ($2 = '' or structure_ids && array(select structure_id from places))
     and ($3::text is null or profession = $3) and (name, professional_id) > ($4, $5)
   order by name, professional_id limit $6)
  union all
  (select structure_id, name, null, '{}' from structure_copies
   where status = 'active' and $3::text is null and (name, structure_id) > ($4, $5)
     and ($1 = '' or to_tsvector('simple', words) @@ to_tsquery('simple', nullif($1, '')))
     and ($2 = '' or structure_id in (select structure_id from places))
   order by name, structure_id limit $6)
)
select id, name, profession,
       array(select place.name from structure_copies place
             where place.structure_id = any(results.structure_ids) and place.status = 'active'
             order by place.name) as structures
from results order by name, id limit $6"""
SELECT_NAME = """
select name from professional_copies where professional_id = $1
union all select name from structure_copies where structure_id = $1 limit 1"""


async def search(connection: Connection, query: DirectoryQuery, after: str | None, limit: int) -> list[DirectoryResult]:
    """Returns the active entries with these words, in the order of names. `after`: the id of the last one before."""
    last_name = "" if after is None else await connection.fetchval(SELECT_NAME, after) or ""
    rows = await connection.fetch(
        SEARCH_DIRECTORY,
        _prefixes(query.name),
        _prefixes(query.place),
        query.profession,
        last_name,
        after or "",
        limit,
    )
    return [DirectoryResult(row["id"], row["name"], row["profession"], tuple(row["structures"])) for row in rows]


def _prefixes(words: Sequence[str]) -> str:
    return " & ".join(f"{word}:*" for word in words)


SELECT_RESULTS = """
select professional_id as id, name, profession from professional_copies where professional_id = any($1::text[])
union all select structure_id, name, null from structure_copies where structure_id = any($1::text[])"""


async def find_results(connection: Connection, ids: Iterable[str]) -> dict[str, DirectoryResult]:
    """Returns the entries by id, inactive ones too, without their structures; unknown ids are left out."""
    rows = await connection.fetch(SELECT_RESULTS, list(ids))
    return {row["id"]: DirectoryResult(row["id"], row["name"], row["profession"]) for row in rows}


COUNT_SEARCH = """
insert into directory_searches as known (bucket, record_id, since, count) values ($1, $2, $3, 1)
on conflict on constraint directory_searches_pkey do update
set since = case when known.since < $3 - $4::interval then $3 else known.since end,
    count = case when known.since < $3 - $4::interval then 1 else known.count + 1 end
returning count"""


async def count_search(connection: Connection, record_id: UUID, now: datetime) -> int:
    """Counts one more search of the person with this record. Returns their number in the current period."""
    return int(await connection.fetchval(COUNT_SEARCH, bucket_of(record_id), record_id, now, SEARCHES_PERIOD))
