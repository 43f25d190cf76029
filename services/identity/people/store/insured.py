"""Stores the insured register."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg

from services.identity.kit.sealed_rows import Sealed
from services.identity.people.domain.insured import InsuredRow, InsuredRowUpdate, InsuredSelection, insured_id
from shared.db.pages import BEFORE_ALL
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in

FIND_INSURED = """
select insured.id, insured.fingerprint, card, birth_year, region, regime, identity_status, key_id, sealed
from insured
join unnest($1::integer[], $2::uuid[], $3::text[]) as requested(bucket, id, fingerprint)
  on insured.bucket = requested.bucket and insured.id = requested.id and insured.fingerprint = requested.fingerprint
limit 1"""


async def find_insured(connection: Connection, fingerprints: Sequence[str]) -> InsuredRow | None:
    """Returns the person whose INS has one of these fingerprints, or None.

    The fingerprints are `keyrings.ins.fingerprints(*ins_parts(ins))`.
    """
    ids = [insured_id(fingerprint) for fingerprint in fingerprints]
    row = await connection.fetchrow(FIND_INSURED, [bucket_in(id) for id in ids], ids, list(fingerprints))
    return None if row is None else insured_row(row)


SELECT_PAGE = """
select id, fingerprint, card, birth_year, region, regime, identity_status, key_id, sealed
from insured
where (bucket, id) > ($1, $2) and birth_year between $3 and $4
  and (cardinality($5::text[]) = 0 or region = any($5)) and (cardinality($6::text[]) = 0 or regime = any($6))
  and (cardinality($7::text[]) = 0 or identity_status = any($7))
order by bucket, id limit $8"""
_FIRST_YEAR, _LAST_YEAR = 0, 9999


async def load_insured_page(
    connection: Connection, selection: InsuredSelection, after: UUID | None, limit: int
) -> list[InsuredRow]:
    """Returns the next rows in order of (bucket, id), after the id of the last row seen (None: from the beginning).

    A page with fewer rows than `limit` is the last one.
    """
    bucket, id = BEFORE_ALL if after is None else (bucket_in(after), after)
    born_from = _FIRST_YEAR if selection.born_from is None else selection.born_from
    born_to = _LAST_YEAR if selection.born_to is None else selection.born_to
    codes = (list(selection.regions), list(selection.regimes), list(selection.statuses))
    rows = await connection.fetch(SELECT_PAGE, bucket, id, born_from, born_to, *codes, limit)
    return [insured_row(row) for row in rows]


SELECT_PRESENT = """
select insured.fingerprint from insured
join unnest($1::integer[], $2::uuid[]) as requested(bucket, id)
  on insured.bucket = requested.bucket and insured.id = requested.id"""


async def find_present_fingerprints(connection: Connection, fingerprints: Iterable[str]) -> set[str]:
    """Returns the fingerprints among these that have a row."""
    ids = [insured_id(fingerprint) for fingerprint in fingerprints]
    rows = await connection.fetch(SELECT_PRESENT, [bucket_in(id) for id in ids], ids)
    return {row["fingerprint"] for row in rows}


UPSERT_INSURED = """
with written as (
  insert into insured (bucket, id, fingerprint, card, birth_year, region, regime, identity_status, content, key_id,
                       sealed)
  select * from unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::text[],
                       $8::text[], $9::text[], $10::text[], $11::bytea[])
  on conflict on constraint insured_pkey do update
  set card = excluded.card, birth_year = excluded.birth_year, region = excluded.region, regime = excluded.regime,
      identity_status = excluded.identity_status, content = excluded.content, key_id = excluded.key_id,
      sealed = excluded.sealed
  where (insured.content, insured.key_id) is distinct from (excluded.content, excluded.key_id)
  returning 1
)
select count(*) from written"""


async def put_insured(connection: Connection, people: Iterable[InsuredRowUpdate]) -> int:
    """Writes new and changed rows in order of id; returns how many. Each id at most once."""
    ordered = sorted(people, key=lambda row_update: (bucket_in(row_update.row.id), row_update.row.id.int))
    rows = [update.row for update in ordered]
    written: int = await connection.fetchval(
        UPSERT_INSURED,
        [bucket_in(row.id) for row in rows],
        [row.id for row in rows],
        [row.fingerprint for row in rows],
        [row.card for row in rows],
        [row.birth_year for row in rows],
        [row.region for row in rows],
        [row.regime for row in rows],
        [row.identity_status for row in rows],
        [update.content for update in ordered],
        [row.sealed.key_id for row in rows],
        [row.sealed.data for row in rows],
    )
    return written


def insured_row(row: asyncpg.Record) -> InsuredRow:
    """Returns the insured person of a row with the columns of `insured`."""
    return InsuredRow(
        id=row["id"],
        fingerprint=row["fingerprint"],
        card=row["card"],
        birth_year=row["birth_year"],
        region=row["region"],
        regime=row["regime"],
        identity_status=row["identity_status"],
        sealed=Sealed(row["key_id"], row["sealed"]),
    )
