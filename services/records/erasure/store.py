"""Erases a record's rows: first everything that finds and opens it, then its deposits in batches."""

from uuid import UUID

from services.records.exports.store import delete_of_record
from services.records.quarantine.store.persons import destroy_about_record
from services.records.recovery.store import delete_lost
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

DEPOSITS_AT_ONCE = 20
LINES_AT_ONCE = 500
MEASURES_AT_ONCE = 1000
DESTROY_RECORD = """
with gone_records as (
  delete from records where bucket = $1 and id = $2 returning id
), gone_fingerprints as (
  delete from record_fingerprints f using records r
  where r.bucket = $1 and r.id = $2 and f.ins = r.ins and f.record_id = $2 returning f.record_id
), gone_keys as (
  delete from record_keys where bucket = $1 and record_id = $2 returning record_id
), gone_states as (
  delete from consent_states where bucket = $1 and record_id = $2 returning record_id
), gone_people as (
  delete from record_people where bucket = $1 and record_id = $2 returning record_id
), gone_calls as (
  delete from people_to_call where bucket = $1 and record_id = $2 returning record_id
), gone_visits as (
  delete from reader_visits where bucket = $1 and record_id = $2 returning record_id
), gone_histories as (
  delete from reimbursement_histories where bucket = $1 and record_id = $2 returning record_id
), gone_certificates as (
  delete from certificate_sources where bucket = $1 and record_id = $2 returning record_id
), gone_warnings as (
  delete from warning_acknowledgements where bucket = $1 and record_id = $2 returning id
)
select (select count(*) from gone_records) as records, (select count(*) from gone_fingerprints) as fingerprints,
       (select count(*) from gone_keys) as keys, (select count(*) from gone_states) as consent_states,
       (select count(*) from gone_people) as record_people,
       (select count(*) from gone_calls) as people_to_call,
       (select count(*) from gone_visits) as reader_visits,
       (select count(*) from gone_histories) as reimbursement_histories,
       (select count(*) from gone_certificates) as certificate_sources,
       (select count(*) from gone_warnings) as warning_acknowledgements,
       (select linked_to from records where bucket = $1 and id = $2) as linked_to"""
UNLINK = "update records set linked_to = null where bucket = $1 and id = $2 and linked_to = $3"
# A deposit is in one record with all its documents: they are deleted together, so that no orphaned row is left.
REMOVE_DEPOSITS = """
with chosen as materialized (
  select distinct deposit_id from documents where bucket = $1 and record_id = $2 limit $3
), doomed as materialized (
  select d.id from documents d join chosen using (deposit_id) where d.bucket = $1 and d.record_id = $2
), gone_contents as (
  delete from contents c using doomed where c.bucket = $1 and c.document_id = doomed.id returning c.document_id
), gone_requests as (
  delete from deposit_requests q using chosen where q.bucket = $1 and q.deposit_id = chosen.deposit_id
  returning q.deposit_id
), gone_listed as (
  delete from organisation_deposits o using deposits p, chosen
  where p.bucket = $1 and p.id = chosen.deposit_id and o.organisation_id = p.organisation_id and o.deposit_id = p.id
  returning o.deposit_id
), gone_deposits as (
  delete from deposits p using chosen where p.bucket = $1 and p.id = chosen.deposit_id returning p.id
), gone_acknowledgements as (
  delete from business_acknowledgements a using chosen where a.deposit_id = chosen.deposit_id returning a.id
), gone_missing_days as (
  delete from care_days_missing m using doomed where m.bucket = $1 and m.document_id = doomed.id returning m.document_id
), gone_blocks as (
  delete from fact_blocks b using doomed
  where b.bucket = $1 and b.record_id = $2 and b.document_id = doomed.id returning b.document_id
), gone_summaries as (
  delete from summary_versions v using doomed
  where v.bucket = $1 and v.record_id = $2 and v.document_id = doomed.id returning v.document_id
), gone_documents as (
  delete from documents d using doomed where d.bucket = $1 and d.id = doomed.id returning d.id
)
select (select count(*) from gone_documents) as documents, (select count(*) from gone_contents) as contents,
       (select count(*) from gone_deposits) as deposits, (select count(*) from gone_requests) as deposit_requests,
       (select count(*) from gone_listed) as organisation_deposits,
       (select count(*) from gone_acknowledgements) as business_acknowledgements,
       (select count(*) from gone_missing_days) as care_days_missing,
       (select count(*) from gone_blocks) as fact_blocks,
       (select count(*) from gone_summaries) as summary_versions"""

# A line's key goes with the line: what came for an erased record may come for a new one.
REMOVE_REIMBURSEMENTS = """
with doomed as materialized (
  select month, line_key, feed_key from reimbursements where bucket = $1 and record_id = $2 limit $3
), gone_keys as (
  delete from reimbursement_keys k using doomed
  where k.feed_key = doomed.feed_key and k.line_key = doomed.line_key returning k.feed_key
), gone_lines as (
  delete from reimbursements r using doomed
  where r.month = doomed.month and r.bucket = $1 and r.record_id = $2 and r.line_key = doomed.line_key
  returning r.line_key
)
select (select count(*) from gone_lines) as reimbursements, (select count(*) from gone_keys) as reimbursement_keys"""


REMOVE_MEASURES = """
with doomed as materialized (
  select id, version from measures where bucket = $1 and record_id = $2 limit $3
), gone_measures as (
  delete from measures m using doomed where m.bucket = $1 and m.id = doomed.id and m.version = doomed.version
  returning m.id
)
select (select count(*) from gone_measures) as measures"""


async def destroy_record(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the record, its keys, fingerprints and copies, what quarantine keeps about its person, by the fingerprint
    of the INS, and the link of the person's other record.

    Returns table -> number of deleted rows.
    """
    quarantined = await destroy_about_record(connection, record_id)
    row = await connection.fetchrow(DESTROY_RECORD, bucket_of(record_id), record_id)
    assert row is not None, "counts are one row"
    lost = await delete_lost(connection, bucket_of(record_id), record_id)
    copies = await delete_of_record(connection, record_id)
    destroyed = {**row, **copies, "lost_documents": lost, "quarantined_submissions": quarantined}
    if (other := destroyed.pop("linked_to")) is not None:
        await connection.execute(UNLINK, bucket_of(other), other, record_id)
    return destroyed


async def remove_rows(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes a batch of deposits, of reimbursements and of measures. Returns table -> number of deleted rows, all 0 at
    the end."""
    return {
        **await remove_deposits(connection, record_id),
        **await remove_reimbursements(connection, record_id),
        **await remove_measures(connection, record_id),
    }


async def remove_measures(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes up to 1,000 versions of measures. Returns table -> number of deleted rows, 0 at the end."""
    row = await connection.fetchrow(REMOVE_MEASURES, bucket_of(record_id), record_id, MEASURES_AT_ONCE)
    return dict(row) if row is not None else {}


async def remove_reimbursements(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes up to 500 lines of reimbursement. Returns table -> number of deleted rows, all 0 at the end."""
    row = await connection.fetchrow(REMOVE_REIMBURSEMENTS, bucket_of(record_id), record_id, LINES_AT_ONCE)
    return dict(row) if row is not None else {}


async def remove_deposits(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes up to 20 deposits with their documents. Returns table -> number of deleted rows, all 0 at the end."""
    row = await connection.fetchrow(REMOVE_DEPOSITS, bucket_of(record_id), record_id, DEPOSITS_AT_ONCE)
    return dict(row) if row is not None else {}
