"""A service's copy of the public directory: the names of professionals and structures, and their professions.

The topic is `identity.professionals.v1`. Each service that shows names has the tables `professional_copies` and
`structure_copies`, and a consumer group of its own that fills them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.contracts.identity import ProfessionalChanged, StructureChanged
from shared.db.pool import Connection
from shared.messaging.envelope import Message


@dataclass(frozen=True, slots=True)
class PublicNames:
    """Public names by national id, from the service's copy of the directory."""

    professionals: Mapping[str, str]
    structures: Mapping[str, str]

    def name_of(self, id: str) -> str | None:
        """Returns the name of a professional or structure; None if the copy does not hold it."""
        return self.professionals.get(id) or self.structures.get(id)


async def copy_names(
    connection: Connection, messages: list[Message[ProfessionalChanged | StructureChanged]]
) -> set[bytes]:
    """Stores the highest version of each professional or structure in the batch.

    Returns the keys of the messages that were newer.
    """
    professionals: dict[str, Message[ProfessionalChanged]] = {}
    structures: dict[str, Message[StructureChanged]] = {}
    for message in sorted(messages, key=lambda message: message.event.version):
        if isinstance(message.event, ProfessionalChanged):
            professionals[message.event.key] = message  # type: ignore[assignment] # its event was just checked
        else:
            structures[message.event.key] = message  # type: ignore[assignment] # the event is the other type
    newer_keys: set[bytes] = set()
    if professionals:
        newer_keys |= await _upsert_professionals(connection, list(professionals.values()))
    if structures:
        newer_keys |= await _upsert_structures(connection, list(structures.values()))
    return newer_keys


UPSERT_PROFESSIONALS = """
insert into professional_copies (professional_id, version, name, profession, status, partition)
select professional_id, version, name, profession, status, partition
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::integer[])
  as copy(professional_id, version, name, profession, status, partition)
order by professional_id
on conflict on constraint professional_copies_pkey do update
set version = excluded.version, name = excluded.name, profession = excluded.profession, status = excluded.status,
    partition = excluded.partition
where excluded.version > professional_copies.version
returning professional_id"""


async def _upsert_professionals(connection: Connection, messages: Sequence[Message[ProfessionalChanged]]) -> set[bytes]:
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_PROFESSIONALS,
        [event.professional_id for event in events],
        [event.version for event in events],
        [event.name for event in events],
        [event.profession for event in events],
        [event.status for event in events],
        [message.partition for message in messages],
    )
    return {row["professional_id"].encode() for row in rows}


UPSERT_STRUCTURES = """
insert into structure_copies (structure_id, version, name, status, partition)
select structure_id, version, name, status, partition
from unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::integer[])
  as copy(structure_id, version, name, status, partition)
order by structure_id
on conflict on constraint structure_copies_pkey do update
set version = excluded.version, name = excluded.name, status = excluded.status, partition = excluded.partition
where excluded.version > structure_copies.version
returning structure_id"""


async def _upsert_structures(connection: Connection, messages: Sequence[Message[StructureChanged]]) -> set[bytes]:
    events = [message.event for message in messages]
    rows = await connection.fetch(
        UPSERT_STRUCTURES,
        [event.structure_id for event in events],
        [event.version for event in events],
        [event.name for event in events],
        [event.status for event in events],
        [message.partition for message in messages],
    )
    return {row["structure_id"].encode() for row in rows}


SELECT_PROFESSIONAL_NAMES = """
select professional_id as id, name from professional_copies where professional_id = any($1::text[])"""
SELECT_STRUCTURE_NAMES = "select structure_id as id, name from structure_copies where structure_id = any($1::text[])"


async def find_names(connection: Connection, professionals: Iterable[str], structures: Iterable[str]) -> PublicNames:
    """Returns the public names in the service's copy; unknown ids are left out."""
    professional_rows = await connection.fetch(SELECT_PROFESSIONAL_NAMES, list(professionals))
    structure_rows = await connection.fetch(SELECT_STRUCTURE_NAMES, list(structures))
    return PublicNames(
        {row["id"]: row["name"] for row in professional_rows}, {row["id"]: row["name"] for row in structure_rows}
    )


SELECT_NAME_VERSIONS: Final = """
select professional_id as key, version from professional_copies
union all select structure_id, version from structure_copies"""
"""SQL for the versions of all copies."""
