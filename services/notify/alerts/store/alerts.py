"""The recipients of alerts: their contacts, their preferences, restricted documents, consultation windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.notify.alerts.domain.alerts import Audience, Recipient
from services.notify.alerts.domain.consultations import ConsultationWindow
from services.notify.preferences.domain import Preferences
from shared.contracts.label_versions import REPLACES_KNOWN, LabelVersion
from shared.db.pool import Connection
from shared.db.tags import count_of
from shared.runtime.clock import bucket_in


@dataclass(frozen=True, slots=True)
class Restriction:
    """Who may learn of a document of this record, by this version of its labels."""

    record_id: UUID
    audience: Audience
    version: LabelVersion


SELECT_RECIPIENTS = """
select contacts.record_id, contacts.sealed, coalesce(preferences.document, true) as document,
       coalesce(preferences.consultation, true) as consultation,
       exists (select from unbound_seals) as takes_unbound
from contacts left join preferences on preferences.record_id = contacts.record_id
where contacts.record_id = any($1::uuid[])"""


async def find_recipients(connection: Connection, record_ids: list[UUID]) -> dict[UUID, Recipient]:
    """The recipients of these records, for those whose contact is stored."""
    rows = await connection.fetch(SELECT_RECIPIENTS, record_ids)
    return {row["record_id"]: recipient_from(row) for row in rows}


SELECT_ALERTS = """
select alerts.id from unnest($1::integer[], $2::uuid[]) as wanted(bucket, id)
join alerts on alerts.bucket = wanted.bucket and alerts.id = wanted.id"""


async def find_existing_alerts(connection: Connection, ids: list[UUID]) -> set[UUID]:
    """The ids among these for which an alert exists."""
    rows = await connection.fetch(SELECT_ALERTS, [bucket_in(id) for id in ids], ids)
    return {row["id"] for row in rows}


INSERT_RESTRICTED = (
    """
insert into restricted_documents as known (bucket, document_id, audience, record_id, version, "offset", as_of)
select bucket, document_id, audience, record_id, version, "offset", as_of
from unnest($1::integer[], $2::uuid[], $3::text[], $4::uuid[], $5::integer[], $6::bigint[], $7::timestamptz[])
  as document(bucket, document_id, audience, record_id, version, "offset", as_of)
order by bucket, document_id
on conflict on constraint restricted_documents_pkey do update
set audience = excluded.audience, version = greatest(known.version, excluded.version, 2),
    "offset" = excluded."offset", as_of = excluded.as_of
where """
    + REPLACES_KNOWN
)


async def upsert_restrictions(connection: Connection, restricted: Mapping[UUID, Restriction]) -> None:
    """Stores who may learn of each document, unless newer labels are stored already."""
    ids = list(restricted)
    versions = [restriction.version for restriction in restricted.values()]
    await connection.execute(
        INSERT_RESTRICTED,
        [bucket_in(id) for id in ids],
        ids,
        [restriction.audience.value for restriction in restricted.values()],
        [restriction.record_id for restriction in restricted.values()],
        [version.number for version in versions],
        [version.offset for version in versions],
        [version.at for version in versions],
    )


SELECT_RESTRICTED = """
select restricted.document_id, restricted.audience from unnest($1::integer[], $2::uuid[]) as wanted(bucket, document_id)
join restricted_documents restricted
  on restricted.bucket = wanted.bucket and restricted.document_id = wanted.document_id"""


async def find_restrictions(connection: Connection, document_ids: list[UUID]) -> dict[UUID, Audience]:
    """Who may learn of each document, for those among these that are restricted."""
    rows = await connection.fetch(SELECT_RESTRICTED, [bucket_in(id) for id in document_ids], document_ids)
    return {row["document_id"]: Audience(row["audience"]) for row in rows}


SELECT_WINDOWS = """
select known.record_id, known.professional_id, known.withheld, known.opened_at
from unnest($1::uuid[], $2::text[], $3::boolean[]) as wanted(record_id, professional_id, withheld)
join consultation_windows known on known.record_id = wanted.record_id
  and known.professional_id = wanted.professional_id and known.withheld = wanted.withheld
order by known.record_id, known.professional_id, known.withheld for update of known"""


async def lock_windows(connection: Connection, windows: list[ConsultationWindow]) -> dict[ConsultationWindow, datetime]:
    """Locks the windows that exist among these. Returns when each was last opened."""
    rows = await connection.fetch(SELECT_WINDOWS, *_columns(windows))
    return {
        ConsultationWindow(row["record_id"], row["professional_id"], row["withheld"]): row["opened_at"] for row in rows
    }


UPSERT_WINDOWS = """
insert into consultation_windows (record_id, professional_id, withheld, opened_at)
select record_id, professional_id, withheld, opened_at
from unnest($1::uuid[], $2::text[], $3::boolean[], $4::timestamptz[])
  as opened(record_id, professional_id, withheld, opened_at)
order by record_id, professional_id, withheld
on conflict on constraint consultation_windows_pkey do update set opened_at = excluded.opened_at
where excluded.opened_at > consultation_windows.opened_at"""


async def open_windows(connection: Connection, opened: dict[ConsultationWindow, datetime]) -> None:
    """Stores when each window was opened."""
    await connection.execute(UPSERT_WINDOWS, *_columns(list(opened)), list(opened.values()))


def _columns(windows: list[ConsultationWindow]) -> tuple[list[UUID], list[str], list[bool]]:
    return (
        [window.record_id for window in windows],
        [window.professional_id for window in windows],
        [window.is_withheld for window in windows],
    )


DELETE_OLD_WINDOWS = """
delete from consultation_windows known
using (select record_id, professional_id, withheld from consultation_windows where opened_at < $1 limit 1000) as old
where known.record_id = old.record_id and known.professional_id = old.professional_id
  and known.withheld = old.withheld"""


async def delete_windows_before(connection: Connection, moment: datetime) -> bool:
    """Deletes up to 1,000 windows that opened before `moment`. Returns whether there may be more."""
    return count_of(await connection.execute(DELETE_OLD_WINDOWS, moment)) == 1000


def recipient_from(row: asyncpg.Record) -> Recipient:
    """The recipient in a row with the columns `sealed`, `document`, `consultation` and `takes_unbound`."""
    preferences = Preferences(row["document"], row["consultation"])
    return Recipient(row["sealed"], preferences, row["takes_unbound"])
