"""Erases a record: the contact, the preferences and all that is queued at once, then the rest in batches."""

from uuid import UUID

from services.notify.messages.store import delete_messages_of
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

BATCH_SIZE = 500
DESTROY_CONTACT = """
with gone_contacts as (
  delete from contacts where record_id = $2 returning record_id
), gone_preferences as (
  delete from preferences where record_id = $2 returning record_id
), gone_alerts as (
  delete from alerts where bucket = $1 and record_id = $2 and status = 'queued' returning id
), gone_messages as (
  delete from messages where bucket = $1 and record_id = $2 and status = 'queued' returning request_id
)
select (select count(*) from gone_contacts) as contacts, (select count(*) from gone_preferences) as preferences,
       (select count(*) from gone_alerts) as alerts, (select count(*) from gone_messages) as messages"""
REMOVE_ALERTS = """
with chosen as materialized (
  select id, document_id from alerts where bucket = $1 and record_id = $2 limit $3
), doomed as materialized (
  select document_id from restricted_documents
  where bucket = $1 and (record_id = $2 or document_id in (select document_id from chosen)) limit $3
), gone_restricted as (
  delete from restricted_documents known using doomed
  where known.bucket = $1 and known.document_id = doomed.document_id returning known.document_id
), gone_alerts as (
  delete from alerts using chosen where alerts.bucket = $1 and alerts.id = chosen.id returning alerts.id
), gone_windows as (
  delete from consultation_windows where record_id = $2 returning record_id
), gone_alert_windows as (
  delete from alert_windows where record_id = $2 returning record_id
)
select (select count(*) from gone_alerts) as alerts, (select count(*) from gone_restricted) as restricted_documents,
       (select count(*) from gone_windows) as consultation_windows,
       (select count(*) from gone_alert_windows) as alert_windows"""


async def destroy_contact(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes the contact, the preferences and what is queued. Returns the number of deleted rows of each table."""
    row = await connection.fetchrow(DESTROY_CONTACT, bucket_of(record_id), record_id)
    return dict(row) if row is not None else {}


async def remove_alerts(connection: Connection, record_id: UUID) -> dict[str, int]:
    """Deletes a batch of the record's alerts, messages, restrictions and windows.

    Returns the number of deleted rows of each table; all are zero when nothing is left.
    """
    row = await connection.fetchrow(REMOVE_ALERTS, bucket_of(record_id), record_id, BATCH_SIZE)
    removed = dict(row) if row is not None else {}
    return {**removed, "messages": await delete_messages_of(connection, record_id, BATCH_SIZE)}
