"""Stores campaigns with their progress, and the notices sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson

from services.identity.campaigns.domain import Campaign, CampaignStatus
from services.identity.people.domain.insured import InsuredRow, InsuredSelection
from services.identity.people.store.insured import insured_row
from shared.db.pages import BEFORE_ALL
from shared.db.pool import Connection
from shared.runtime.clock import bucket_in

INSERT_CAMPAIGN = """
insert into campaigns (id, status, regions, regimes, born_from, born_to, window_days, rate, wave_id, created_by,
                       created_at, next_page_at)
values ($1, 'noticing', $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)"""


async def insert_campaign(connection: Connection, new: Campaign, created_by: str) -> None:
    """Inserts a new campaign."""
    selection = new.selection
    await connection.execute(
        INSERT_CAMPAIGN,
        new.id,
        list(selection.regions),
        list(selection.regimes),
        selection.born_from,
        selection.born_to,
        new.window_days,
        new.rate,
        new.wave_id,
        created_by,
        new.created_at,
    )


SELECT_CAMPAIGN = """
select id, status, is_paused, regions, regimes, born_from, born_to, window_days, rate, wave_id, created_at,
  noticed_at, opens_at, ended_at, next_page_at, after, counts
from campaigns where id = $1"""
LOCK_CAMPAIGN = """
select id, status, is_paused, regions, regimes, born_from, born_to, window_days, rate, wave_id, created_at,
  noticed_at, opens_at, ended_at, next_page_at, after, counts
from campaigns where id = $1 for update skip locked"""
SELECT_CAMPAIGNS = """
select id, status, is_paused, regions, regimes, born_from, born_to, window_days, rate, wave_id, created_at,
  noticed_at, opens_at, ended_at, next_page_at, after, counts
from campaigns where $1 or status <> 'done' order by created_at"""


async def load_campaign(connection: Connection, campaign_id: UUID) -> Campaign | None:
    """Returns the campaign, or None."""
    row = await connection.fetchrow(SELECT_CAMPAIGN, campaign_id)
    return None if row is None else _campaign(row)


async def lock_campaign(connection: Connection, campaign_id: UUID) -> Campaign | None:
    """Returns the campaign, locked until the transaction ends; None while another worker holds it."""
    row = await connection.fetchrow(LOCK_CAMPAIGN, campaign_id)
    return None if row is None else _campaign(row)


async def list_campaigns(connection: Connection, *, ended: bool) -> list[Campaign]:
    """Returns the campaigns that are not done, and with `ended` all of them, oldest first."""
    return [_campaign(row) for row in await connection.fetch(SELECT_CAMPAIGNS, ended)]


SET_PROGRESS = """
update campaigns set status = $2, after = $3, counts = $4, next_page_at = $5 where id = $1"""


async def set_progress(
    connection: Connection,
    campaign_id: UUID,
    status: CampaignStatus,
    after: UUID | None,
    counts: Mapping[str, int],
    next_page_at: datetime,
) -> None:
    """Stores the progress, in the transaction of the page."""
    encoded = orjson.dumps(dict(counts)).decode()
    await connection.execute(SET_PROGRESS, campaign_id, status, after, encoded, next_page_at)


SET_WAITING = """
update campaigns set status = 'waiting', after = null, noticed_at = $2, opens_at = $3 where id = $1"""


async def set_waiting(connection: Connection, campaign_id: UUID, noticed_at: datetime, opens_at: datetime) -> None:
    """Marks the campaign as waiting: all notices are sent, and the time to object begins."""
    await connection.execute(SET_WAITING, campaign_id, noticed_at, opens_at)


SET_DONE = "update campaigns set status = 'done', after = null, ended_at = $2 where id = $1"


async def set_done(connection: Connection, campaign_id: UUID, now: datetime) -> None:
    """Marks the campaign as done."""
    await connection.execute(SET_DONE, campaign_id, now)


SET_PAUSED = "update campaigns set is_paused = $2 where id = $1 and status <> 'done' returning id"


async def set_paused(connection: Connection, campaign_id: UUID, paused: bool) -> bool:
    """Pauses or resumes the campaign. Returns False if it is done."""
    return await connection.fetchval(SET_PAUSED, campaign_id, paused) is not None


INSERT_NOTICES = """
insert into opening_notices (bucket, insured_id, campaign_id, noticed_at)
select bucket, id, $3, $4 from unnest($1::integer[], $2::uuid[]) as input_rows(bucket, id)
on conflict on constraint opening_notices_pkey do nothing
returning insured_id"""


async def insert_notices(connection: Connection, campaign_id: UUID, ids: Sequence[UUID], now: datetime) -> set[UUID]:
    """Inserts notices. Returns the ids that had none before."""
    rows = await connection.fetch(INSERT_NOTICES, [bucket_in(id) for id in ids], list(ids), campaign_id, now)
    return {row["insured_id"] for row in rows}


SELECT_NOTICED = """
select insured.id, insured.fingerprint, card, birth_year, region, regime, identity_status, key_id, sealed
from opening_notices notice
join insured on insured.bucket = notice.bucket and insured.id = notice.insured_id
where notice.campaign_id = $1 and (notice.bucket, notice.insured_id) > ($2, $3)
order by notice.bucket, notice.insured_id limit $4"""


async def load_noticed_page(
    connection: Connection, campaign_id: UUID, after: UUID | None, limit: int
) -> list[InsuredRow]:
    """Returns the next people notified by a campaign, in order of (bucket, id)."""
    bucket, id = BEFORE_ALL if after is None else (bucket_in(after), after)
    rows = await connection.fetch(SELECT_NOTICED, campaign_id, bucket, id, limit)
    return [insured_row(row) for row in rows]


def _campaign(row: asyncpg.Record) -> Campaign:
    columns = {name: row[name] for name in row.keys() if name not in _PARSED_COLUMNS}  # noqa: SIM118 - a Record iterates values
    selection = InsuredSelection(row["born_from"], row["born_to"], tuple(row["regions"]), tuple(row["regimes"]))
    return Campaign(**{**columns, "counts": orjson.loads(row["counts"])}, selection=selection)


_PARSED_COLUMNS = ("born_from", "born_to", "regions", "regimes", "counts")
