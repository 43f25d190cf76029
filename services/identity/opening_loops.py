"""Worker loops that open records: codes for online openings, campaigns, and the weekly figures."""

import asyncio
from datetime import timedelta

from services.identity.domain.campaigns import Campaign
from services.identity.domain.openings import OpeningRules
from services.identity.domain.sealed_rows import Keyrings
from services.identity.loops import sweep_or_wait
from services.identity.store import campaigns, online, proposals, rates
from services.identity.usecases.open_noticed import open_noticed
from services.identity.usecases.publish_figures import publish_figures
from services.identity.usecases.send_notices import send_notices
from services.identity.usecases.send_opening_codes import send_opening_codes
from shared.crypto.keyring import Keyring
from shared.db.pool import Pool
from shared.runtime import clock
from shared.service.worker import Loop

POLL_INTERVAL_S = 0.3
FIGURES_EVERY_S = 30.0


def opening_loops(keyrings: Keyrings, lookups: Keyring, rules: OpeningRules) -> dict[str, Loop]:
    """Returns the loops by name. They can be interrupted at any point: each page is one transaction."""

    async def send_codes(pool: Pool) -> None:
        if not await send_opening_codes(pool, keyrings, lookups, rules):
            await asyncio.sleep(POLL_INTERVAL_S)

    async def run_campaigns(pool: Pool) -> None:
        async with pool.acquire() as connection:
            running = await campaigns.list_campaigns(connection, ended=False)
        for campaign in running:
            await _step(pool, campaign)
        await asyncio.sleep(
            _wait([campaign2 for campaign2 in running if campaign2.status != "waiting" and not campaign2.is_paused])
        )

    async def _step(pool: Pool, campaign: Campaign) -> None:
        if campaign.status == "noticing":
            await send_notices(pool, keyrings, rules, campaign.id)
        else:
            await open_noticed(pool, keyrings, lookups, rules, campaign.id)

    return {
        "send-opening-codes": send_codes,
        "run-campaigns": run_campaigns,
        "publish-figures": _publish_figures,
        "sweep-openings": _sweep_openings,
    }


def _wait(working: list[Campaign]) -> float:
    """Returns the seconds until the next page may begin, at most half a second."""
    if not working:
        return POLL_INTERVAL_S
    soonest = min(campaign.next_page_at for campaign in working) - clock.now()
    return min(max(soonest, timedelta()).total_seconds(), POLL_INTERVAL_S)


async def _publish_figures(pool: Pool) -> None:
    if not await publish_figures(pool, clock.now()):
        await asyncio.sleep(FIGURES_EVERY_S)


async def _sweep_openings(pool: Pool) -> None:
    now = clock.now()
    expired = (online.SWEEP_OPENINGS, rates.SWEEP_RECENT, proposals.SWEEP_PROPOSALS)
    await sweep_or_wait(pool, dict.fromkeys(expired, now))
