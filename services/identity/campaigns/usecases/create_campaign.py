"""Creates a campaign; the worker then notifies everybody whom it selects."""

from uuid import UUID

from services.identity.campaigns import store as campaigns
from services.identity.campaigns.domain import Campaign, NewCampaign
from services.identity.kit.unit_of_work import Storage
from services.identity.openings.domain.activation import new_code_batch
from services.identity.openings.store import activation
from shared.runtime import clock


async def create_campaign(storage: Storage, new: NewCampaign, created_by: str) -> UUID:
    """Returns the id. The key of the codes is created with the campaign, before any code."""
    now, campaign_id = clock.now(), clock.new_id()
    wave, sealed = new_code_batch(clock.new_id(), storage.keyrings.persons)
    campaign = Campaign(
        id=campaign_id,
        status="noticing",
        is_paused=False,
        selection=new.selection,
        window_days=new.window_days,
        rate=new.rate,
        wave_id=wave.id,
        created_at=now,
        noticed_at=None,
        opens_at=None,
        ended_at=None,
        next_page_at=now,
        after=None,
        counts={},
    )
    async with storage.transaction() as work:
        await activation.insert_code_batch(work.connection, wave.id, f"campaign-{campaign_id}", sealed, now)
        await campaigns.insert_campaign(work.connection, campaign, created_by)
    return campaign_id
