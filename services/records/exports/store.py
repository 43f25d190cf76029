"""Stores copies of records that are prepared: their progress, and their sealed parts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from services.records.exports.domain.exports import Export
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_of

_COLUMNS: Final = """id, record_id, records, requester_id, requester_kind, client_id, acts_in, state, failure,
       started_at, expires_at, attempts, total, documents, parts, position, size"""
INSERT_EXPORT = f"""
insert into exports (id, record_id, records, requester_id, requester_kind, client_id, acts_in, started_at, expires_at,
                     due_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)
on conflict on constraint exports_record_id_requester_id_key do nothing
returning {_COLUMNS}"""  # noqa: S608  # a constant


@dataclass(frozen=True, slots=True)
class NewExport:
    """A copy to be prepared, see `Export`."""

    id: UUID
    record_id: UUID
    records: tuple[UUID, ...]
    requester_id: str
    requester_kind: str
    client_id: str
    acts_in: UUID


async def insert_export(connection: Connection, new: NewExport, now: datetime, expires_at: datetime) -> Export | None:
    """Begins a copy; returns None where the person has one of this record."""
    row = await connection.fetchrow(
        INSERT_EXPORT,
        *(new.id, new.record_id, list(new.records), new.requester_id, new.requester_kind, new.client_id, new.acts_in),
        now,
        expires_at,
    )
    return _export_of(row) if row is not None else None


FIND_EXPORT = f"""
select {_COLUMNS} from exports where record_id = $1 and requester_id = $2"""  # noqa: S608  # a constant


async def find_export(connection: Connection, record_id: UUID, requester_id: str) -> Export | None:
    """Returns the person's copy of a record, also one whose day is over."""
    row = await connection.fetchrow(FIND_EXPORT, record_id, requester_id)
    return _export_of(row) if row is not None else None


# Two workers take different copies: what one has taken is not due before `$2`.
TAKE_DUE = f"""
update exports set due_at = $2, attempts = attempts + 1
where id = (
  select id from exports where state = 'preparing' and due_at <= $1 order by due_at, id limit 1 for update skip locked
)
returning {_COLUMNS}"""  # noqa: S608  # a constant


async def take_due(connection: Connection, now: datetime, held_until: datetime) -> Export | None:
    """Returns the copy that has been due longest; nobody else takes it before `held_until`."""
    row = await connection.fetchrow(TAKE_DUE, now, held_until)
    return _export_of(row) if row is not None else None


ADVANCE = f"""
update exports
set total = coalesce(total, $3), documents = documents + $4, position = $5, parts = parts + 1, attempts = 0,
    due_at = $6
where id = $1 and parts = $2 and state = 'preparing'
returning {_COLUMNS}"""  # noqa: S608  # a constant
INSERT_PART = """
insert into export_parts (bucket, export_id, number, document_ids, documents, resources)
values ($1, $2, $3, $4, $5, $6)"""


@dataclass(frozen=True, slots=True)
class SealedPart:
    """Some documents of a copy. `documents`, `resources`: sealed (`domain.sealed_parts`)."""

    number: int
    document_ids: tuple[UUID, ...]
    documents: bytes
    resources: bytes


async def store_part(
    connection: Connection, export: Export, part: SealedPart, position: UUID, total: int, held_until: datetime
) -> Export | None:
    """Stores the next part, in a transaction of the caller; returns the copy after it. Returns None, and stores
    nothing, where the copy is gone or somebody else has stored this part."""
    counted = len(part.document_ids)
    row = await connection.fetchrow(ADVANCE, export.id, part.number, total, counted, position, held_until)
    if row is None:
        return None
    place = (bucket_of(export.record_id), export.id, part.number)
    await connection.execute(INSERT_PART, *place, list(part.document_ids), part.documents, part.resources)
    return _export_of(row)


FINISH = """
update exports set state = 'ready', opening = $3, size = $4, total = documents, expires_at = $5
where id = $1 and parts = $2 and state = 'preparing'"""


async def finish(connection: Connection, export: Export, opening: bytes, size: int, expires_at: datetime) -> None:
    """Makes a copy ready, unless it is gone."""
    await connection.execute(FINISH, export.id, export.parts, opening, size, expires_at)


POSTPONE = "update exports set due_at = $2, attempts = 0 where id = $1 and state = 'preparing'"


async def postpone(connection: Connection, export_id: UUID, due_at: datetime) -> None:
    """Lets a copy go on later; the attempt does not count."""
    await connection.execute(POSTPONE, export_id, due_at)


FAIL = "update exports set state = 'failed', failure = $2 where id = $1 and state = 'preparing'"


async def fail(connection: Connection, export_id: UUID, failure: str) -> None:
    """Gives a copy up, with the code of the cause."""
    await connection.execute(FAIL, export_id, failure)


DELETE_EXPORT = "delete from exports where id = $1"
DELETE_PARTS = "delete from export_parts where bucket = $1 and export_id = $2"


async def delete_export(connection: Connection, export_id: UUID, record_id: UUID) -> None:
    """Deletes a copy with its parts, in a transaction of the caller."""
    await connection.execute(DELETE_EXPORT, export_id)
    await connection.execute(DELETE_PARTS, bucket_of(record_id), export_id)


LIST_EXPIRED = "select id, record_id from exports where expires_at <= $1 order by expires_at limit $2"


async def list_expired(connection: Connection, now: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Returns (id, record) of copies whose day is over."""
    return [(row["id"], row["record_id"]) for row in await connection.fetch(LIST_EXPIRED, now, limit)]


DELETE_OF_RECORD = "delete from exports where records @> array[$1::uuid] returning id, record_id"


async def delete_of_record(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes every copy that has documents of a record, in a transaction of the caller: its own, and those of the
    person's other record. Returns table -> number of deleted rows."""
    rows = await connection.fetch(DELETE_OF_RECORD, record_id)
    parts = 0
    for row in rows:
        parts += count_of(await connection.execute(DELETE_PARTS, bucket_of(row["record_id"]), row["id"]))
    return {"exports": len(rows), "export_parts": parts}


LIST_PART_DOCUMENTS = """
select number, documents from export_parts where bucket = $1 and export_id = $2 order by number"""


async def list_part_documents(connection: Connection, export: Export) -> list[bytes]:
    """Returns the sealed documents of all parts, in their order."""
    rows = await connection.fetch(LIST_PART_DOCUMENTS, bucket_of(export.record_id), export.id)
    return [row["documents"] for row in rows]


LIST_DOCUMENT_IDS = """
select document_ids from export_parts where bucket = $1 and export_id = $2 order by number"""


async def list_document_ids(connection: Connection, export: Export) -> list[UUID]:
    """Returns the ids of all documents of a copy."""
    rows = await connection.fetch(LIST_DOCUMENT_IDS, bucket_of(export.record_id), export.id)
    return [id for row in rows for id in row["document_ids"]]


SELECT_RESOURCES = "select resources from export_parts where bucket = $1 and export_id = $2 and number = $3"


async def load_resources(connection: Connection, export: Export, number: int) -> bytes | None:
    """Returns the sealed FHIR resources of a part; None where the copy is gone."""
    sealed: bytes | None = await connection.fetchval(SELECT_RESOURCES, bucket_of(export.record_id), export.id, number)
    return sealed


SELECT_OPENING = "select opening from exports where id = $1"


async def load_opening(connection: Connection, export_id: UUID) -> bytes | None:
    """Returns the sealed files before the documents; None where the copy is gone."""
    opening: bytes | None = await connection.fetchval(SELECT_OPENING, export_id)
    return opening


SELECT_KEY = "select kid, wrapped from record_keys where bucket = $1 and record_id = $2"


async def load_key(connection: Connection, record_id: UUID) -> WrappedKey | None:
    """Returns the wrapped data key of a record; None where the record was erased."""
    row = await connection.fetchrow(SELECT_KEY, bucket_of(record_id), record_id)
    return WrappedKey(row["kid"], row["wrapped"]) if row is not None else None


COUNT = "select state, count(*) as exports from exports group by state"


async def count_by_state(connection: Connection) -> dict[str, int]:
    """Returns how many copies are in each state."""
    return {row["state"]: row["exports"] for row in await connection.fetch(COUNT)}


def _export_of(row: asyncpg.Record) -> Export:
    return Export(**{**row, "records": tuple(row["records"])})
