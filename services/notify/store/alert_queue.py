"""Alerts as a queue: kept when they are raised, taken when they are due, and what became of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.notify.domain import Alert, AlertChannel, Audience, DueAlert
from services.notify.store.alerts import circumstances_of
from shared.db.notifications import notify_after_commit
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_in, bucket_of


@dataclass(frozen=True, slots=True)
class AlertQueue:
    """The alerts of one channel: the emergencies, or all others."""

    channel: AlertChannel
    emergencies: bool

    @property
    def notification(self) -> str:
        """What wakes its senders, and no other queue's."""
        return f"{self.channel}_emergencies" if self.emergencies else f"{self.channel}_alerts"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an alert: queued again for `due_at`, or handled."""

    alert: Alert
    status: str
    reason: str | None
    attempts: int
    due_at: datetime | None
    handled_at: datetime | None


INSERT_ALERTS = """
insert into alerts (bucket, id, record_id, kind, document_id, deposit_id, caused_by, caused_at, traceparent, audience,
                    status, reason, channel, created_at, due_at, handled_at)
select bucket, id, record_id, kind, document_id, deposit_id, caused_by, caused_at, traceparent, audience,
       status, reason, channel, $13::timestamptz, case when status = 'queued' then coalesce(not_before, $13) end,
       case when status <> 'queued' then $13 end
from unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[], $8::timestamptz[],
            $9::text[], $10::text[], $11::text[], $12::text[], $14::text[], $15::timestamptz[])
  as raised(bucket, id, record_id, kind, document_id, deposit_id, caused_by, caused_at, traceparent, audience,
            status, reason, channel, not_before)
order by id
on conflict on constraint alerts_pkey do nothing
returning id, status, channel, kind"""


async def insert_alerts(
    connection: Connection, raised: Sequence[tuple[Alert, str, str | None]], now: datetime
) -> set[UUID]:
    """Keeps alerts with their status and reason; wakes the senders after the commit. Returns those that are new."""
    alerts = [alert for alert, _, _ in raised]
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
        [status for _, status, _ in raised],
        [reason for _, _, reason in raised],
        now,
        [alert.channel for alert in alerts],
        [alert.not_before for alert in alerts],
    )
    for queue in {AlertQueue(row["channel"], row["kind"] == "emergency") for row in rows if row["status"] == "queued"}:
        notify_after_commit(connection, queue.notification)
    return {row["id"] for row in rows}


# What is known now of the person and of the document is read in the statement that takes an alert: it is judged again.
_TAKEN = """
  order by due_at limit $2 for update skip locked
), taken as (
  update alerts set due_at = $3 from due where alerts.bucket = due.bucket and alerts.id = due.id
  returning alerts.bucket, alerts.id, alerts.record_id, kind, document_id, deposit_id, caused_by, caused_at,
            traceparent, audience, channel, document_end, attempts, created_at
)
select taken.id, taken.record_id, taken.kind, taken.document_id, taken.deposit_id, taken.caused_by, taken.caused_at,
       taken.traceparent, coalesce(restricted.audience, taken.audience) as audience, taken.channel, taken.document_end,
       taken.attempts, taken.created_at, contacts.sealed,
       coalesce(preferences.document, true) as document, coalesce(preferences.consultation, true) as consultation,
       exists (select from unbound_seals) as takes_unbound
from taken left join contacts on contacts.record_id = taken.record_id
left join preferences on preferences.record_id = taken.record_id
left join restricted_documents restricted
  on restricted.bucket = taken.bucket and restricted.document_id = taken.document_id"""
TAKE_DUE_EMERGENCIES = (
    """
with due as (
  select bucket, id from alerts
  where status = 'queued' and kind = 'emergency' and channel = $4 and due_at <= $1"""  # noqa: S608  # two constants
    + _TAKEN
)
TAKE_DUE_ALERTS = (
    """
with due as (
  select bucket, id from alerts
  where status = 'queued' and kind <> 'emergency' and channel = $4 and due_at <= $1"""  # noqa: S608  # two constants
    + _TAKEN
)


async def take_due(
    connection: Connection, queue: AlertQueue, now: datetime, limit: int, held_until: datetime
) -> list[DueAlert]:
    """Alerts of one queue whose time has come, the longest due first; nobody else takes them before `held_until`."""
    statement = TAKE_DUE_EMERGENCIES if queue.emergencies else TAKE_DUE_ALERTS
    rows = await connection.fetch(statement, now, limit, held_until, queue.channel)
    return sorted((_due(row) for row in rows), key=lambda due: due.created_at)


END_DOCUMENT_ALERTS = """
update alerts set document_end = ended.reason
from unnest($1::integer[], $2::uuid[], $3::text[]) as ended(bucket, id, reason)
where alerts.bucket = ended.bucket and alerts.id = ended.id and alerts.status = 'queued'"""


async def end_documents(connection: Connection, ends: Mapping[UUID, str]) -> None:
    """Alert of a document -> why it is no news any more. One that a sender holds may still leave."""
    ids = sorted(ends)
    await connection.execute(END_DOCUMENT_ALERTS, [bucket_in(id) for id in ids], ids, [ends[id] for id in ids])


SETTLE = """
update alerts set status = fate.status, reason = fate.reason, attempts = fate.attempts, due_at = fate.due_at,
                  handled_at = fate.handled_at
from unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::timestamptz[])
  as fate(bucket, id, status, reason, attempts, due_at, handled_at)
where alerts.bucket = fate.bucket and alerts.id = fate.id and alerts.status = 'queued'
returning alerts.id"""


async def settle(connection: Connection, fates: Sequence[Fate]) -> set[UUID]:
    """Writes what became of alerts. Returns those that were still queued."""
    ordered = sorted(fates, key=lambda fate: fate.alert.id)
    rows = await connection.fetch(
        SETTLE,
        [bucket_of(fate.alert.record_id) for fate in ordered],
        [fate.alert.id for fate in ordered],
        [fate.status for fate in ordered],
        [fate.reason for fate in ordered],
        [fate.attempts for fate in ordered],
        [fate.due_at for fate in ordered],
        [fate.handled_at for fate in ordered],
    )
    return {row["id"] for row in rows}


DELETE_OLD_ALERTS = """
delete from alerts using (select bucket, id from alerts where handled_at < $1 limit 1000) as old
where alerts.bucket = old.bucket and alerts.id = old.id"""


async def forget_before(connection: Connection, moment: datetime) -> bool:
    """Removes some of what was handled before. Returns whether there may be more."""
    return count_of(await connection.execute(DELETE_OLD_ALERTS, moment)) == 1000


OBSERVE = "select count(*) from alerts where status = 'queued'"


async def count_queued(connection: Connection) -> int:
    """How many messages wait."""
    return int(await connection.fetchval(OBSERVE))


def _due(row: asyncpg.Record) -> DueAlert:
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
    circumstances = circumstances_of(row) if row["sealed"] else None
    return DueAlert(alert, row["attempts"], row["created_at"], circumstances, row["document_end"])
