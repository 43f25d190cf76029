"""Drops the months of care that are no longer kept, and forgets old files."""

from typing import Final

from shared.db.pool import Connection

MAINTAIN = "select maintain_reimbursements($1)"
# The moments are those of `shared.db.sweep`: rows older than $1, at most $2 of them.
SWEEP_KEYS: Final = """
with old as materialized (
  select feed_key from reimbursement_keys where month < date_trunc('month', $1::timestamptz at time zone 'UTC')::date
  limit $2
)
delete from reimbursement_keys k using old where k.feed_key = old.feed_key"""
SWEEP_REJECTIONS: Final = """
with old as materialized (
  select r.digest, r."row" from reimbursement_rejections r join reimbursement_files f on f.digest = r.digest
  where f.started_at < $1 limit $2
)
delete from reimbursement_rejections r using old where r.digest = old.digest and r."row" = old."row" """
SWEEP_FILES: Final = """
with old as materialized (
  select digest from reimbursement_files f
  where started_at < $1 and not exists (select from reimbursement_rejections r where r.digest = f.digest) limit $2
)
delete from reimbursement_files f using old where f.digest = old.digest"""


async def maintain(connection: Connection, months: int) -> None:
    """Makes the partitions of the coming months and drops those of which every day is too old."""
    await connection.execute(MAINTAIN, months)
