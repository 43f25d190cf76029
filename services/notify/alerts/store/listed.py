"""Lists the alerts of one record for its holder."""

from datetime import datetime
from uuid import UUID

from services.notify.alerts.domain.listed import ListedAlert
from shared.db.pool import Connection
from shared.runtime.clock import bucket_of

# An alert that was withheld is about something of which the person may not know; so is one whose document has been
# restricted since.
SELECT_LISTED = """
select alerts.id, alerts.kind, alerts.channel, alerts.status, alerts.reason, alerts.caused_at, alerts.due_at,
       alerts.handled_at, alerts.document_id
from alerts left join restricted_documents restricted
  on restricted.bucket = alerts.bucket and restricted.document_id = alerts.document_id
where alerts.bucket = $1 and alerts.record_id = $2 and alerts.status <> 'withheld'
  and coalesce(restricted.audience, alerts.audience) <> 'nobody'
  and (alerts.caused_at, alerts.id) < ($3, $4)
order by alerts.caused_at desc, alerts.id desc limit $5"""


async def list_alerts(
    connection: Connection, record_id: UUID, before: datetime, id: UUID, limit: int
) -> list[ListedAlert]:
    """Returns the newest alerts of a record before this place, without those that its holder may not know of."""
    rows = await connection.fetch(SELECT_LISTED, bucket_of(record_id), record_id, before, id, limit)
    return [ListedAlert(**row) for row in rows]
