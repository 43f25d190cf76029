"""Stores the alert queue: inserts raised alerts, takes due ones, stores their outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from services.notify.alerts.domain.alerts import Alert, Audience, DueAlert
from services.notify.alerts.store.alerts import recipient_from
from services.notify.kit.kinds import AlertChannel
from shared.db.notifications import notify_after_commit
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_in, bucket_of


@dataclass(frozen=True, slots=True)
class AlertQueue:
    """The queue of one channel's alerts: those of emergencies, or all others."""

    channel: AlertChannel
    is_emergency: bool

    @property
    def notification(self) -> str:
        """The database notification that wakes the senders of this queue alone."""
        return f"{self.channel}_emergencies" if self.is_emergency else f"{self.channel}_alerts"


@dataclass(frozen=True, slots=True)
class AlertDeliveryOutcome:
    """The new state of an alert after an attempt: queued again for `due_at`, or handled at `handled_at`."""

    alert: Alert
    status: str
    reason: str | None
    attempts: int
    due_at: datetime | None
    handled_at: datetime | None
    sent_with: UUID | None = None


class RaisedAlert(NamedTuple):
    """A new alert with its status and the reason of the status."""

    alert: Alert
    status: str
    reason: str | None


# An alert is due at once if the last mail of its record and kind was sent at least one window ago. Otherwise it joins
# the mail that is planned, or plans one for the end of the window. An alert that exists already changes no window.
INSERT_ALERTS = """
with raised as (
  select * from unnest(
    $1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::timestamptz[],
    $9::text[], $10::text[], $11::text[], $12::text[], $14::text[], $15::timestamptz[])
    as alert(bucket, id, record_id, kind, document_id, deposit_id, caused_by, caused_at, traceparent, audience,
             status, reason, channel, not_before)
), planned as (
  insert into alert_windows as known (record_id, kind, due_at)
  select distinct record_id, kind, $13::timestamptz from raised
  where $16::interval > interval '0' and status = 'queued' and kind in ('document', 'consultation', 'history')
    and not exists (select from alerts where alerts.bucket = raised.bucket and alerts.id = raised.id)
  order by record_id, kind
  on conflict on constraint alert_windows_pkey do update set due_at = case
    when known.due_at > $13 then least(known.due_at, $13 + $16)
    when known.due_at + $16 > $13 then known.due_at + $16
    else $13 end
  returning record_id, kind, due_at
)
insert into alerts (bucket, id, record_id, kind, document_id, deposit_id, caused_by, caused_at, traceparent, audience,
                    status, reason, channel, created_at, due_at, handled_at)
select bucket, id, raised.record_id, raised.kind, document_id, deposit_id, caused_by, caused_at, traceparent, audience,
       status, reason, channel, $13, case when status = 'queued' then coalesce(not_before, planned.due_at, $13) end,
       case when status <> 'queued' then $13 end
from raised left join planned on planned.record_id = raised.record_id and planned.kind = raised.kind
order by id
on conflict on constraint alerts_pkey do nothing
returning id, channel, kind, coalesce(due_at <= $13, false) as is_due"""


async def insert_alerts(
    connection: Connection, raised: Sequence[RaisedAlert], now: datetime, window: timedelta
) -> set[UUID]:
    """Inserts alerts with their status and reason; notifies the senders of due alerts after the commit.

    `window`: how long after a mail about documents (or consultations) of a record further alerts wait. Returns the ids
    of the alerts that are new.
    """
    alerts = [entry.alert for entry in raised]
    rows = await connection.fetch(
        INSERT_ALERTS,
        [bucket_of(alert.record_id) for alert in alerts],
        [alert.id for alert in alerts],
        [alert.record_id for alert in alerts],
        [alert.kind for alert in alerts],
        [alert.document_id for alert in alerts],
        [alert.deposit_id for alert in alerts],
        [alert.caused_by for alert in alerts],
        [alert.caused_at for alert in alerts],
        [alert.trace for alert in alerts],
        [alert.audience.value for alert in alerts],
        [entry.status for entry in raised],
        [entry.reason for entry in raised],
        now,
        [alert.channel for alert in alerts],
        [alert.not_before for alert in alerts],
        window,
    )
    for queue in {AlertQueue(row["channel"], row["kind"] == "emergency") for row in rows if row["is_due"]}:
        notify_after_commit(connection, queue.notification)
    return {row["id"] for row in rows}


# The statement that takes an alert also reads the current recipient and labels: the sender decides again by these.
_TAKEN = """
taken as (
  update alerts set due_at = $3 from due where alerts.bucket = due.bucket and alerts.id = due.id
  returning alerts.bucket, alerts.id, alerts.record_id, kind, document_id, deposit_id, caused_by, caused_at,
            traceparent, audience, channel, document_end, attempts, created_at, due.due_at as planned_at
)
select taken.id, taken.record_id, taken.kind, taken.document_id, taken.deposit_id, taken.caused_by, taken.caused_at,
       taken.traceparent, coalesce(restricted.audience, taken.audience) as audience, taken.channel, taken.document_end,
       taken.attempts, taken.created_at, taken.planned_at, contacts.sealed,
       coalesce(preferences.document, true) as document, coalesce(preferences.consultation, true) as consultation,
       exists (select from unbound_seals) as takes_unbound
from taken left join contacts on contacts.record_id = taken.record_id
left join preferences on preferences.record_id = taken.record_id
left join restricted_documents restricted
  on restricted.bucket = taken.bucket and restricted.document_id = taken.document_id"""
TAKE_DUE_EMERGENCIES = (
    """
with due as (
  select bucket, id, due_at from alerts
  where status = 'queued' and kind = 'emergency' and channel = $4 and due_at <= $1
  order by due_at limit $2 for update skip locked
), """  # noqa: S608  # two constants
    + _TAKEN
)
# Takes with each alert all other alerts that are due of its kind about its record. The statement locks the row of the
# window, so that two senders never split one mail, and skips records to which a consumer is adding; it waits for no
# lock. The literal limit repeats $2 for the generic plan, which otherwise expects a tenth of the queue and reads whole
# tables.
TAKE_DUE_ALERTS = (
    """
with first as materialized (
  select bucket, record_id, kind from alerts
  where status = 'queued' and kind <> 'emergency' and channel = $4 and due_at <= $1
  order by due_at limit $2 for update skip locked
), locked as materialized (
  select record_id, kind from alert_windows
  where (record_id, kind) in (select record_id, kind from first) for update skip locked
), free as materialized (
  select distinct bucket, record_id, kind from first
  where (record_id, kind) in (select record_id, kind from locked)
    or not exists (select from alert_windows known where known.record_id = first.record_id and known.kind = first.kind)
  limit 64
), due as materialized (
  select due.bucket, due.id, due.due_at from free cross join lateral (
    select bucket, id, due_at from alerts
    where bucket = free.bucket and record_id = free.record_id and kind = free.kind
      and status = 'queued' and channel = $4 and due_at <= $1
    for update skip locked
  ) as due
), """  # noqa: S608  # two constants
    + _TAKEN
)


async def take_due(
    connection: Connection, queue: AlertQueue, now: datetime, limit: int, held_until: datetime
) -> list[DueAlert]:
    """Takes the `limit` alerts of a queue that have been due longest; no other sender takes them before `held_until`.

    Takes with each alert all other due alerts of its kind about its record.
    """
    statement = TAKE_DUE_EMERGENCIES if queue.is_emergency else TAKE_DUE_ALERTS
    rows = await connection.fetch(statement, now, limit, held_until, queue.channel)
    return [_due_alert_from(row) for row in rows]


END_DOCUMENT_ALERTS = """
update alerts set document_end = ended.reason
from unnest($1::integer[], $2::uuid[], $3::text[]) as ended(bucket, id, reason)
where alerts.bucket = ended.bucket and alerts.id = ended.id and alerts.status = 'queued'"""


async def end_documents(connection: Connection, ends: Mapping[UUID, str]) -> None:
    """Stores why the documents of queued alerts need no alert any more (alert id -> reason).

    An alert that a sender holds may still be sent.
    """
    ids = sorted(ends)
    await connection.execute(END_DOCUMENT_ALERTS, [bucket_in(id) for id in ids], ids, [ends[id] for id in ids])


SETTLE_ALERTS = """
update alerts set status = outcome.status, reason = outcome.reason, attempts = outcome.attempts,
                  due_at = outcome.due_at, handled_at = outcome.handled_at, sent_with = outcome.sent_with
from unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::timestamptz[],
            $8::uuid[])
  as outcome(bucket, id, status, reason, attempts, due_at, handled_at, sent_with)
where alerts.bucket = outcome.bucket and alerts.id = outcome.id and alerts.status = 'queued'
returning alerts.id"""


async def settle(connection: Connection, outcomes: Sequence[AlertDeliveryOutcome]) -> set[UUID]:
    """Stores the outcomes of alerts. Returns the ids of the alerts that were still queued."""
    ordered = sorted(outcomes, key=lambda outcome: outcome.alert.id)
    rows = await connection.fetch(
        SETTLE_ALERTS,
        [bucket_of(outcome.alert.record_id) for outcome in ordered],
        [outcome.alert.id for outcome in ordered],
        [outcome.status for outcome in ordered],
        [outcome.reason for outcome in ordered],
        [outcome.attempts for outcome in ordered],
        [outcome.due_at for outcome in ordered],
        [outcome.handled_at for outcome in ordered],
        [outcome.sent_with for outcome in ordered],
    )
    return {row["id"] for row in rows}


DELETE_OLD_ALERTS = """
delete from alerts using (select bucket, id from alerts where handled_at < $1 limit 1000) as old
where alerts.bucket = old.bucket and alerts.id = old.id"""


async def delete_handled_before(connection: Connection, moment: datetime) -> bool:
    """Deletes up to 1,000 alerts that were handled before `moment`. Returns whether there may be more."""
    return count_of(await connection.execute(DELETE_OLD_ALERTS, moment)) == 1000


DELETE_OLD_WINDOWS = """
delete from alert_windows known using (select record_id, kind from alert_windows where due_at < $1 limit 1000) as old
where known.record_id = old.record_id and known.kind = old.kind and known.due_at < $1"""


async def delete_windows_before(connection: Connection, moment: datetime) -> bool:
    """Deletes up to 1,000 windows whose last mail was due before `moment`. Returns whether there may be more."""
    return count_of(await connection.execute(DELETE_OLD_WINDOWS, moment)) == 1000


COUNT_QUEUED = "select count(*) from alerts where status = 'queued'"


async def count_queued(connection: Connection) -> int:
    """Returns the number of queued alerts."""
    return int(await connection.fetchval(COUNT_QUEUED))


def _due_alert_from(row: asyncpg.Record) -> DueAlert:
    alert = Alert(
        id=row["id"],
        record_id=row["record_id"],
        kind=row["kind"],
        document_id=row["document_id"],
        deposit_id=row["deposit_id"],
        caused_by=row["caused_by"],
        caused_at=row["caused_at"],
        trace=row["traceparent"],
        audience=Audience(row["audience"]),
        channel=row["channel"],
    )
    recipient = recipient_from(row) if row["sealed"] else None
    return DueAlert(alert, row["attempts"], row["created_at"], row["planned_at"], recipient, row["document_end"])
