"""Alerts, and what is known of the persons they are for: contacts, preferences, what they were told before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.notify.domain import Alert, AlertChannel, Audience, Circumstances, DueAlert, Preferences, Window
from shared.clock import bucket_in, bucket_of
from shared.db.pool import Connection


def queue_of(channel: AlertChannel) -> str:
    """What INSERT_ALERTS notifies."""
    return f"{channel}_alerts"


@dataclass(frozen=True, slots=True)
class Restriction:
    """Who may know of a document of this record, by the word of that moment."""

    record_id: UUID
    audience: Audience
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of an alert: queued again for `due_at`, or handled."""

    alert: Alert
    status: str
    reason: str | None
    attempts: int
    due_at: datetime | None
    handled_at: datetime | None


UPSERT_CONTACTS = """
insert into contacts (record_id, version, partition, sealed)
select record_id, version, partition, sealed
from unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) as told(record_id, version, partition, sealed)
order by record_id
on conflict on constraint contacts_pkey
do update set version = excluded.version, partition = excluded.partition, sealed = excluded.sealed
where excluded.version > contacts.version
returning record_id"""


async def keep_contacts(
    connection: Connection, ids: list[UUID], versions: list[int], partitions: list[int], sealed: list[str]
) -> set[UUID]:
    """Replaces older versions. One row per record at most. Returns the records of newer copies."""
    rows = await connection.fetch(UPSERT_CONTACTS, ids, versions, partitions, sealed)
    return {row["record_id"] for row in rows}


SELECT_CIRCUMSTANCES = """
select contacts.record_id, contacts.sealed, coalesce(preferences.document, true) as document,
       coalesce(preferences.consultation, true) as consultation
from contacts left join preferences on preferences.record_id = contacts.record_id
where contacts.record_id = any($1::uuid[])"""


async def find_circumstances(connection: Connection, record_ids: list[UUID]) -> dict[UUID, Circumstances]:
    """What is known of these records' persons."""
    rows = await connection.fetch(SELECT_CIRCUMSTANCES, record_ids)
    return {row["record_id"]: _circumstances(row) for row in rows}


SELECT_CONTACTED = "select record_id from contacts where record_id = any($1::uuid[])"


async def find_contacted(connection: Connection, record_ids: list[UUID]) -> set[UUID]:
    """The records among these whose contact is here."""
    return {row["record_id"] for row in await connection.fetch(SELECT_CONTACTED, record_ids)}


SELECT_ALERTS = """
select alerts.id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id)
join alerts on alerts.bucket = wanted.bucket and alerts.id = wanted.id"""


async def find_alerts(connection: Connection, ids: list[UUID]) -> set[UUID]:
    """The alerts among these that exist."""
    rows = await connection.fetch(SELECT_ALERTS, [bucket_in(one) for one in ids], ids)
    return {row["id"] for row in rows}


INSERT_ALERTS = """
with inserted as (
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
  returning id, status, channel
)
select id, case when status = 'queued' then pg_notify(channel || '_alerts', '') end from inserted"""


async def insert_alerts(
    connection: Connection, raised: Sequence[tuple[Alert, str, str | None]], now: datetime
) -> set[UUID]:
    """Keeps alerts with their status and reason; wakes the senders at the commit. Returns those that are new."""
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
    return {row["id"] for row in rows}


INSERT_RESTRICTED = """
insert into restricted_documents (bucket, document_id, audience, record_id, as_of)
select bucket, document_id, audience, record_id, as_of
from unnest($1::integer[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[])
  as told(bucket, document_id, audience, record_id, as_of)
order by document_id
on conflict on constraint restricted_documents_pkey do update set audience = excluded.audience, as_of = excluded.as_of
where restricted_documents.as_of is null or restricted_documents.as_of < excluded.as_of"""


async def keep_restrictions(connection: Connection, restricted: Mapping[UUID, Restriction]) -> None:
    """Remembers of documents who may know of them. What is older than known is passed over."""
    ids = list(restricted)
    await connection.execute(
        INSERT_RESTRICTED,
        [bucket_in(one) for one in ids],
        ids,
        [one.audience.value for one in restricted.values()],
        [one.record_id for one in restricted.values()],
        [one.as_of for one in restricted.values()],
    )


SELECT_RESTRICTED = """
select restricted.document_id, restricted.audience from unnest($1::integer[], $2::uuid[]) as wanted(bucket, document_id)
join restricted_documents restricted
  on restricted.bucket = wanted.bucket and restricted.document_id = wanted.document_id"""


async def find_restrictions(connection: Connection, document_ids: list[UUID]) -> dict[UUID, Audience]:
    """Who may know of those among these documents that are restricted."""
    rows = await connection.fetch(SELECT_RESTRICTED, [bucket_in(one) for one in document_ids], document_ids)
    return {row["document_id"]: Audience(row["audience"]) for row in rows}


SELECT_WINDOWS = """
select known.record_id, known.professional_id, known.withheld, known.opened_at
from unnest($1::uuid[], $2::text[], $3::boolean[]) as wanted(record_id, professional_id, withheld)
join consultation_windows known on known.record_id = wanted.record_id
  and known.professional_id = wanted.professional_id and known.withheld = wanted.withheld
order by known.record_id, known.professional_id, known.withheld for update of known"""


async def lock_windows(connection: Connection, windows: list[Window]) -> dict[Window, datetime]:
    """When each was opened last."""
    rows = await connection.fetch(SELECT_WINDOWS, *_columns(windows))
    return {(row["record_id"], row["professional_id"], row["withheld"]): row["opened_at"] for row in rows}


UPSERT_WINDOWS = """
insert into consultation_windows (record_id, professional_id, withheld, opened_at)
select record_id, professional_id, withheld, opened_at
from unnest($1::uuid[], $2::text[], $3::boolean[], $4::timestamptz[])
  as opened(record_id, professional_id, withheld, opened_at)
order by record_id, professional_id, withheld
on conflict on constraint consultation_windows_pkey do update set opened_at = excluded.opened_at
where excluded.opened_at > consultation_windows.opened_at"""


async def open_windows(connection: Connection, opened: dict[Window, datetime]) -> None:
    """Remembers when the person was told."""
    await connection.execute(UPSERT_WINDOWS, *_columns(list(opened)), list(opened.values()))


def _columns(windows: list[Window]) -> tuple[list[UUID], list[str], list[bool]]:
    return [one[0] for one in windows], [one[1] for one in windows], [one[2] for one in windows]


TAKE_DUE = """
with due as (
  select bucket, id from alerts where status = 'queued' and channel = $4 and due_at <= $1
  order by due_at limit $2
  for update skip locked
), taken as (
  update alerts set due_at = $3 from due where alerts.bucket = due.bucket and alerts.id = due.id
  returning alerts.id, alerts.record_id, kind, document_id, deposit_id, caused_by, caused_at, traceparent, audience,
            channel, attempts, created_at
)
select taken.id, taken.record_id, taken.kind, taken.document_id, taken.deposit_id, taken.caused_by, taken.caused_at,
       taken.traceparent, taken.audience, taken.channel, taken.attempts, taken.created_at, contacts.sealed,
       coalesce(preferences.document, true) as document, coalesce(preferences.consultation, true) as consultation
from taken left join contacts on contacts.record_id = taken.record_id
left join preferences on preferences.record_id = taken.record_id"""


async def take_due(
    connection: Connection, channel: AlertChannel, now: datetime, limit: int, held_until: datetime
) -> list[DueAlert]:
    """Alerts of one channel whose time has come; nobody else takes them before `held_until`."""
    return [_due(row) for row in await connection.fetch(TAKE_DUE, now, limit, held_until, channel)]


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


SELECT_PREFERENCES = "select document, consultation from preferences where record_id = $1"


async def find_preferences(connection: Connection, record_id: UUID) -> Preferences:
    """What the person has chosen; everything is on until then."""
    row = await connection.fetchrow(SELECT_PREFERENCES, record_id)
    return Preferences(row["document"], row["consultation"]) if row else Preferences()


UPSERT_PREFERENCES = """
insert into preferences (record_id, document, consultation, changed_at) values ($1, $2, $3, $4)
on conflict on constraint preferences_pkey
do update set document = excluded.document, consultation = excluded.consultation, changed_at = excluded.changed_at
where (preferences.document, preferences.consultation) is distinct from (excluded.document, excluded.consultation)"""


async def keep_preferences(connection: Connection, record_id: UUID, wanted: Preferences, now: datetime) -> bool:
    """Returns whether something was written."""
    done = await connection.execute(UPSERT_PREFERENCES, record_id, wanted.document, wanted.consultation, now)
    return done.endswith(" 1")


DELETE_OLD_ALERTS = """
delete from alerts using (select bucket, id from alerts where handled_at < $1 limit 1000) as old
where alerts.bucket = old.bucket and alerts.id = old.id"""
DELETE_OLD_WINDOWS = """
delete from consultation_windows known
using (select record_id, professional_id, withheld from consultation_windows where opened_at < $1 limit 1000) as old
where known.record_id = old.record_id and known.professional_id = old.professional_id
  and known.withheld = old.withheld"""


async def forget_before(connection: Connection, moment: datetime) -> bool:
    """Removes some of what is older. Returns whether there may be more."""
    done = [await connection.execute(statement, moment) for statement in (DELETE_OLD_ALERTS, DELETE_OLD_WINDOWS)]
    return any(one.endswith(" 1000") for one in done)


OBSERVE = "select count(*) from alerts where status = 'queued'"


async def count_queued(connection: Connection) -> int:
    """How many messages wait."""
    return int(await connection.fetchval(OBSERVE))


def _circumstances(row: asyncpg.Record) -> Circumstances:
    return Circumstances(row["sealed"], Preferences(row["document"], row["consultation"]))


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
    return DueAlert(alert, row["attempts"], row["created_at"], _circumstances(row) if row["sealed"] else None)
