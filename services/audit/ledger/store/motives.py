"""Motives that came before the key under which they are encrypted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.db.pool import Connection
from shared.db.tags import count_of


@dataclass(frozen=True, slots=True, repr=False)
class LateMotive:
    """A motive as identity sent it, with the id of the missing key."""

    record_id: UUID
    event_id: UUID
    kid: str
    sealed: str


INSERT_LATE_MOTIVES = """
insert into late_motives (record_id, event_id, kid, sealed)
select record_id, event_id, kid, sealed
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as late(record_id, event_id, kid, sealed)
order by record_id, event_id
on conflict on constraint late_motives_pkey do nothing"""


async def insert_late_motives(connection: Connection, motives: Sequence[LateMotive]) -> None:
    """Stores motives until their key comes."""
    await connection.execute(
        INSERT_LATE_MOTIVES,
        [motive.record_id for motive in motives],
        [motive.event_id for motive in motives],
        [motive.kid for motive in motives],
        [motive.sealed for motive in motives],
    )


SELECT_LATE_MOTIVES = """
select record_id, event_id, kid, sealed from late_motives where sealed is not null and kid = any($1::text[]) limit $2"""


async def find_late_motives(connection: Connection, kids: Collection[str], limit: int) -> list[LateMotive]:
    """Returns some motives that are encrypted under one of these keys."""
    return [LateMotive(**row) for row in await connection.fetch(SELECT_LATE_MOTIVES, list(kids), limit)]


KEEP_LATE_MOTIVES = """
update late_motives set kept = opened.kept, sealed = null
from unnest($1::uuid[], $2::uuid[], $3::text[]) as opened(record_id, event_id, kept)
where late_motives.record_id = opened.record_id and late_motives.event_id = opened.event_id
  and late_motives.sealed is not null"""


async def store_opened_motives(connection: Connection, motives: Mapping[tuple[UUID, UUID], str]) -> None:
    """Stores motives under the record's own key, by record id and event id."""
    await connection.execute(
        KEEP_LATE_MOTIVES,
        [record_id for record_id, _ in motives],
        [event_id for _, event_id in motives],
        list(motives.values()),
    )


DELETE_LATE_MOTIVES = """
delete from late_motives using unnest($1::uuid[], $2::uuid[]) as useless(record_id, event_id)
where late_motives.record_id = useless.record_id and late_motives.event_id = useless.event_id"""


async def delete_late_motives(connection: Connection, motives: Sequence[LateMotive]) -> None:
    """Deletes motives that nobody can ever decrypt."""
    records, events = [motive.record_id for motive in motives], [motive.event_id for motive in motives]
    await connection.execute(DELETE_LATE_MOTIVES, records, events)


DELETE_LATE_MOTIVES_OF = "delete from late_motives where record_id = $1"


async def delete_record_motives(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the late motives of an erased record. Returns the number of rows."""
    status = await connection.execute(DELETE_LATE_MOTIVES_OF, record_id)
    return {"late_motives": count_of(status)}
