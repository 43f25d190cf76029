"""Statements that begin a read: take the fence, then load what the copies say about the record.

The fence is a share lock on the record's row, taken by a statement before the one that loads the facts. A handler that
applies a copy locks this row FOR UPDATE: once it has committed, no read under the older version can follow. Where the
row is locked, asyncpg.LockNotAvailableError is raised: reads wait without a connection (`held_records`).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from services.records.copies.domain.choices import NO_CHOICES, choices_of
from services.records.copies.domain.copies import COPIED_TOPICS, CopyAge, RecordFacts, absent_record_facts, decoy_age
from services.records.copies.domain.people import NOBODY, people_of
from services.records.copies.store.matrices import MatrixCache, MatrixState
from shared.contracts.topics import CONSENT_MATRICES, IDENTITY_PEOPLE, RECORDS_DOCUMENTS
from shared.db.pool import Connection
from shared.errors import UncheckableError
from shared.messaging.freshness import HEARTBEAT_AHEAD
from shared.messaging.loss_checks import IS_UNCHECKED
from shared.runtime.clock import bucket_in, bucket_of

# The timer of the session's transaction_timeout is already running; a shorter one starts only after it is switched off.
BEGIN = "begin; set local transaction_timeout = 0; set local transaction_timeout = 2000"
COMMIT = "commit"
ROLLBACK = "rollback"
FENCE_BY_DOCUMENT = """
select r.id, r.linked_to from documents d join records r on r.bucket = $1 and r.id = d.record_id
where d.bucket = $1 and d.id = $2 for share of r nowait"""
FENCE_BY_ID = "select id, linked_to from records where bucket = $1 and id = $2 for share nowait"
# The bucket of a fingerprint is not known yet; the row has it.
FENCE_BY_INS = """
select r.id, r.linked_to from record_fingerprints f join records r on r.bucket = f.bucket and r.id = f.record_id
where f.ins = any($1::text[]) for share of r nowait"""
# Old releases stored the choices in three columns. A record's erasure comes in the partition of the same number as its
# state. A watermark of the matrices in the future makes them unknown. Labels may be outdated where the database has
# lost commits.
SELECT_FACTS = f"""
select r.id, r.linked_to, r.status, r.version as record_version, c.version as choices_version,
       coalesce(c.state, jsonb_build_object('authorised', c.authorised, 'blocked', c.blocked,
                                            'emergency', c.emergency)) as choices,
       p.version as people_version, p.people, p.is_minor,
       record_mark.at as record_at, choices_mark.at as choices_at, people_mark.at as people_at,
       erasures_mark.at as erasures_at,
       array(select topic from broken_copies where topic in ($3, $4, $5, $6) and key = r.id::text) as broken,
       m.name as matrix_name, m.version as matrix_version, m.active_from as matrix_from, statement_timestamp() as at,
       (select case when max(at) <= statement_timestamp() + $8::interval then min(at) end
        from copy_watermarks where topic = $7) as matrix_at,
       exists (select from broken_copies where topic = $7) as matrix_broken,
       {IS_UNCHECKED} or exists (select from broken_copies where topic = $9 and key = r.id::text) as awaits_recovery
from records r
left join consent_states c on c.bucket = $1 and c.record_id = r.id
left join record_people p on p.bucket = $1 and p.record_id = r.id
left join copy_watermarks record_mark on record_mark.topic = $3 and record_mark.partition = r.partition
left join copy_watermarks choices_mark
  on choices_mark.topic = $4 and choices_mark.partition = coalesce(c.partition, r.partition)
left join copy_watermarks people_mark
  on people_mark.topic = $5 and people_mark.partition = coalesce(p.partition, r.partition)
left join copy_watermarks erasures_mark on erasures_mark.topic = $6 and erasures_mark.partition = r.partition
left join lateral (
  select name, version, active_from from matrices
  where active_from <= statement_timestamp() order by active_from desc, name desc limit 1
) m on true
where r.bucket = $1 and r.id = $2"""  # noqa: S608  # a constant
SELECT_WATERMARKS = f"""
select topic, at from copy_watermarks where topic in ($1, $2, $3, $4) and not {IS_UNCHECKED}
order by topic, partition"""  # noqa: S608  # a constant


@asynccontextmanager
async def read_locked(connection: Connection) -> AsyncIterator[None]:
    """Runs a transaction of at most two seconds, so that a reader that hangs does not delay a change of rights."""
    await connection.execute(BEGIN)
    try:
        yield
    except BaseException:
        if not connection.is_closed() and connection.is_in_transaction():
            await connection.execute(ROLLBACK)
        raise
    await connection.execute(COMMIT)


async def fence_by_document(connection: Connection, document_id: UUID) -> UUID | None:
    """Takes the fence of the document's record and returns the record's id; None when there is no such document."""
    return await _fence_linked_record(
        connection, await connection.fetchrow(FENCE_BY_DOCUMENT, bucket_in(document_id), document_id)
    )


async def fence_by_id(connection: Connection, record_id: UUID) -> UUID | None:
    """Takes the fence of a record and returns its id; None when there is no such record."""
    return await _fence_linked_record(
        connection, await connection.fetchrow(FENCE_BY_ID, bucket_of(record_id), record_id)
    )


async def fence_by_ins(connection: Connection, ins_fingerprints: Sequence[str]) -> UUID | None:
    """Takes the fence of the record with one of these INS fingerprints and returns its id; None when there is none."""
    return await _fence_linked_record(connection, await connection.fetchrow(FENCE_BY_INS, ins_fingerprints))


async def _fence_linked_record(connection: Connection, row: asyncpg.Record | None) -> UUID | None:
    """Takes both fences of a linked record in the order of ids, after it has released the one taken already.

    Raises UncheckableError where the link has changed in between, or where the other record is not known here yet.
    """
    if row is None:
        return None
    record_id: UUID = row["id"]
    if row["linked_to"] is not None:
        await connection.execute(ROLLBACK)
        await connection.execute(BEGIN)
        pair = sorted((record_id, row["linked_to"]))
        locked = [await connection.fetchrow(FENCE_BY_ID, bucket_of(id), id) for id in pair]
        links = {row["id"]: row["linked_to"] for row in locked if row is not None}
        if len(links) < len(pair) or links[record_id] != row["linked_to"]:
            raise UncheckableError
    return record_id


async def load_facts(
    connection: Connection, matrices: MatrixCache, record_id: UUID | None, decoy_seed: int
) -> RecordFacts:
    """Returns what the copies say about the record. Its fence must be taken.

    For a record that does not exist (None) it returns decoy facts, as old as the partition that `decoy_seed` selects.
    """
    if record_id is None:
        age = decoy_age(await _load_watermarks(connection), decoy_seed)
        matrix_state = await matrices.load_state(connection)
        age = replace(age, matrix_at=matrix_state.watermark, matrix_broken=matrix_state.is_broken)
        return absent_record_facts(age, await matrices.load_in_force(connection, matrix_state))
    own = await _load_own_facts(connection, matrices, record_id)
    if own.linked_to is None:
        return own
    return own.with_other_record(await _load_own_facts(connection, matrices, own.linked_to))


async def _load_own_facts(connection: Connection, matrices: MatrixCache, record_id: UUID) -> RecordFacts:
    row = await connection.fetchrow(
        SELECT_FACTS,
        *(
            bucket_of(record_id),
            record_id,
            *COPIED_TOPICS,
            CONSENT_MATRICES.name,
            HEARTBEAT_AHEAD,
            RECORDS_DOCUMENTS.name,
        ),
    )
    assert row is not None, "the fence holds the row"
    broken = set(row["broken"])
    matrix_state = MatrixState.from_row(row)
    return RecordFacts(
        id=row["id"],
        status=row["status"],
        record_version=row["record_version"],
        choices_version=row["choices_version"],
        age=CopyAge(
            row["record_at"],
            row["choices_at"],
            broken=row["awaits_recovery"] or bool(broken - {IDENTITY_PEOPLE.name}),
            people_at=row["people_at"],
            people_broken=IDENTITY_PEOPLE.name in broken,
            matrix_at=matrix_state.watermark,
            matrix_broken=matrix_state.is_broken,
            erasures_at=row["erasures_at"],
        ),
        choices=choices_of(orjson.loads(row["choices"])) if row["choices_version"] is not None else NO_CHOICES,
        people=people_of(orjson.loads(row["people"]), row["is_minor"]) if row["people_version"] is not None else NOBODY,
        people_version=row["people_version"],
        linked_to=row["linked_to"],
        awaits_recovery=row["awaits_recovery"],
        matrix=await matrices.load_in_force(connection, matrix_state),
    )


async def _load_watermarks(connection: Connection) -> dict[str, list[datetime]]:
    watermarks: dict[str, list[datetime]] = {}
    for row in await connection.fetch(SELECT_WATERMARKS, *COPIED_TOPICS):
        watermarks.setdefault(row["topic"], []).append(row["at"])
    return watermarks
