"""The certificates by their source documents, and the revoked ones."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.records.revocations.domain import CertificateSource, RevocationList
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

INSERT_SOURCES = """
insert into certificate_sources (bucket, record_id, document_id, kid, rid)
select given.bucket, given.record_id, given.document_id, given.kid, given.rid
from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::text[])
  as given(bucket, record_id, document_id, kid, rid)
join records r on r.bucket = given.bucket and r.id = given.record_id
on conflict do nothing"""
REVOKE = """
with revoked as (
  delete from certificate_sources s using unnest($1::integer[], $2::uuid[], $3::uuid[])
    as given(bucket, record_id, document_id)
  where s.bucket = given.bucket and s.record_id = given.record_id and s.document_id = given.document_id
  returning s.kid, s.rid
)
insert into revoked_certificates (kid, rid, revoked_at)
select distinct kid, rid, $4::timestamptz from revoked
on conflict do nothing"""
SELECT_REVOKED = "select rid from revoked_certificates where kid = $1 order by revoked_at, rid"
COUNT_REVOKED = "select kid, count(*) as count from revoked_certificates where kid = any($1) group by kid"


async def insert_sources(connection: Connection, sources: Sequence[CertificateSource]) -> None:
    """Stores on which documents certificates rest, of records that were not erased."""
    await connection.execute(
        INSERT_SOURCES,
        [bucket_of(source.record_id) for source in sources],
        [source.record_id for source in sources],
        [source.document_id for source in sources],
        [source.kid for source in sources],
        [source.rid for source in sources],
    )


async def revoke(connection: Connection, sources: Sequence[tuple[UUID, UUID]], at: datetime) -> None:
    """Revokes the certificates that rest on any of these documents, each with its record: (record, document)."""
    record_ids = [record_id for record_id, _ in sources]
    document_ids = [document_id for _, document_id in sources]
    await connection.execute(REVOKE, [bucket_of(id) for id in record_ids], record_ids, document_ids, at)


async def load_list(connection: Connection, kid: str) -> RevocationList:
    """Returns the list of a key, oldest entry first."""
    rows = await connection.fetch(SELECT_REVOKED, kid)
    return RevocationList.of_rids(kid, [row["rid"] for row in rows])


async def list_versions(connection: Connection, kids: Sequence[str]) -> dict[str, int]:
    """Returns the version of the list of each of these keys, as `load_list` has it."""
    rows = await connection.fetch(COUNT_REVOKED, kids)
    return {**dict.fromkeys(kids, 1), **{row["kid"]: 1 + row["count"] for row in rows}}
