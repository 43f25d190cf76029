"""Pauses a campaign between two pages, or resumes it."""

from uuid import UUID

from services.identity.campaigns import store as campaigns
from services.identity.campaigns.domain import CampaignOverError, CampaignUnknownError
from shared.db.pool import Pool, transaction


async def pause_campaign(pool: Pool, campaign_id: UUID, *, paused: bool) -> None:
    """The time to object continues to run during a pause. Raises CampaignUnknownError, CampaignOverError."""
    async with transaction(pool) as connection:
        if await campaigns.set_paused(connection, campaign_id, paused):
            return
        campaign = await campaigns.load_campaign(connection, campaign_id)
    raise CampaignUnknownError if campaign is None else CampaignOverError
