"""Reads the progress of campaigns."""

from uuid import UUID

from services.identity.campaigns import store as campaigns
from services.identity.campaigns.domain import Campaign, CampaignUnknownError
from shared.db.pool import Pool


async def show_campaign(pool: Pool, campaign_id: UUID) -> Campaign:
    """Returns the campaign. Raises CampaignUnknownError."""
    async with pool.acquire() as connection:
        campaign = await campaigns.load_campaign(connection, campaign_id)
    if campaign is None:
        raise CampaignUnknownError
    return campaign


async def list_campaigns(pool: Pool) -> list[Campaign]:
    """Returns all campaigns, oldest first."""
    async with pool.acquire() as connection:
        return await campaigns.list_campaigns(connection, ended=True)
