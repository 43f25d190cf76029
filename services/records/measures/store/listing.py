"""Reads measures. Asks for the Permit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg

from services.records.facts.domain.documents import DepositorKind
from shared.access import Permit
from shared.crypto.vault import WrappedKey
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in, bucket_of

MOST_MEASURES: Final = 5000
FIND_RECORD_OF_MEASURE = "select record_id from measures where bucket = $1 and id = $2 limit 1"
# The key of a combination is built as `combination_key` does it. Heights of all times are read, for what is computed.
SELECT_MEASURES = """
select m.id, m.version, m.life, m.masked, m.deposited_by, m.depositor_id, m.recorded_at, m.body, k.kid, k.wrapped
from record_keys k join measures m on m.bucket = $1 and m.record_id = k.record_id
where k.bucket = $1 and k.record_id = $2 and m.life = 'current' and ($3::text[] is null or m.code = any($3))
  and ($4::date is null or m.measured_on >= $4 or m.code = 'HEIGHT') and ($5::date is null or m.measured_on <= $5)
  and m.masked || '|' || m.deposited_by = any($6::text[])
order by m.measured_on desc, m.id desc limit $7"""
SELECT_VERSIONS_OF_MEASURE = """
select m.id, m.version, m.life, m.masked, m.deposited_by, m.depositor_id, m.recorded_at, m.body, k.kid, k.wrapped
from measures m join record_keys k on k.bucket = $1 and k.record_id = m.record_id
where m.bucket = $1 and m.id = $2 and m.record_id = $3 and m.life <> 'deleted'
order by m.version desc"""


@dataclass(frozen=True, slots=True)
class SealedMeasure:
    """A version of a measure as it is stored, and the key that opens it."""

    id: UUID
    version: int
    life: str
    masked: bool
    deposited_by: DepositorKind
    depositor_id: str
    recorded_at: datetime
    body: bytes
    key: WrappedKey


@dataclass(frozen=True, slots=True)
class MeasureSelection:
    """What is asked for: these codes (None: all), measured in this period, both days included (None: open)."""

    codes: Sequence[str] | None = None
    first: date | None = None
    last: date | None = None


async def find_record_of_measure(connection: Connection, id: UUID) -> UUID | None:
    """Returns the record of a measure, None for an unknown one."""
    record_id: UUID | None = await connection.fetchval(FIND_RECORD_OF_MEASURE, bucket_in(id), id)
    return record_id


async def read_measures(
    connection: Connection, _: Permit, record_id: UUID, keys: Sequence[str], selection: MeasureSelection
) -> list[SealedMeasure]:
    """Returns the current measures of permitted combinations, the newest day first; one more than `MOST_MEASURES` where
    there are more, and heights of before the period too."""
    rows = await connection.fetch(
        SELECT_MEASURES,
        bucket_of(record_id),
        record_id,
        selection.codes,
        selection.first,
        selection.last,
        keys,
        MOST_MEASURES + 1,
    )
    return [_measure(row) for row in rows]


async def read_versions(connection: Connection, record_id: UUID, id: UUID) -> list[SealedMeasure]:
    """Returns every version of a measure of this record, newest first; empty where it is deleted. They are sealed: each
    is opened with a Permit."""
    rows = await connection.fetch(SELECT_VERSIONS_OF_MEASURE, bucket_in(id), id, record_id)
    return [_measure(row) for row in rows]


def _measure(row: asyncpg.Record) -> SealedMeasure:
    values = dict(row)
    return SealedMeasure(key=WrappedKey(values.pop("kid"), values.pop("wrapped")), **values)
