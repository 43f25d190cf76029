"""The routes of campaigns, which open records for all selected people who do not object."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response

from services.identity.campaigns import store
from services.identity.campaigns.domain import new_campaign
from services.identity.campaigns.models import CampaignBody, CampaignView, PrintingBody, PrintingView
from services.identity.campaigns.usecases.create_campaign import create_campaign
from services.identity.campaigns.usecases.pause_campaign import pause_campaign
from services.identity.campaigns.usecases.reprint_letters import reprint_letters
from services.identity.campaigns.usecases.show_campaign import show_campaign
from services.identity.clients.domain.scopes import CAMPAIGNS
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.openings.api.openings import ProvidedOpeningRules
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["campaigns"])
CampaignId = Annotated[UUID, Path(description="the campaign_id returned when the campaign was created")]
SCOPE_NEEDED = f"needs the scope {CAMPAIGNS}"


@router.post(
    "/campaigns",
    operation_id="createCampaign",
    summary="Begin a campaign",
    status_code=201,
    responses=problems(
        _403=SCOPE_NEEDED, _422="selection-invalid, region-unknown, regime-invalid, window-too-short, pace-invalid"
    ),
)
async def post_campaign(
    body: CampaignBody,
    response: Response,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    rules: ProvidedOpeningRules,
) -> CampaignView:
    """Creates a campaign.

    Every selected person receives a notice and has the time to object; then their record is opened. The campaign skips
    people who have a record, objected, received a notice before, are under eighteen or cannot be written to.
    """
    caller.require(CAMPAIGNS)
    new = new_campaign(
        rules,
        regions=body.regions,
        regimes=body.regimes,
        born_from=body.born_from,
        born_to=body.born_to,
        window_days=body.window_days,
        rate=body.rate,
    )
    campaign_id = await create_campaign(storage, new, caller.id)
    response.headers["location"] = f"/campaigns/{campaign_id}"
    return CampaignView.of(await show_campaign(storage.pool, campaign_id))


@router.get(
    "/campaigns", operation_id="listCampaigns", summary="List all campaigns", responses=problems(_403=SCOPE_NEEDED)
)
async def get_campaigns(caller: AuthenticatedCaller, pool: ServicePool) -> list[CampaignView]:
    """Returns all campaigns, oldest first."""
    caller.require(CAMPAIGNS)
    async with pool.acquire() as connection:
        campaigns = await store.list_campaigns(connection, ended=True)
    return [CampaignView.of(campaign) for campaign in campaigns]


@router.get(
    "/campaigns/{campaign_id}",
    operation_id="getCampaign",
    summary="Read the progress of a campaign",
    responses=problems(_403=SCOPE_NEEDED, _404="campaign-unknown"),
)
async def get_campaign(campaign_id: CampaignId, caller: AuthenticatedCaller, pool: ServicePool) -> CampaignView:
    """Returns the progress as of the last committed page."""
    caller.require(CAMPAIGNS)
    return CampaignView.of(await show_campaign(pool, campaign_id))


@router.post(
    "/campaigns/{campaign_id}/pause",
    operation_id="pauseCampaign",
    summary="Pause a campaign",
    responses=problems(_403=SCOPE_NEEDED, _404="campaign-unknown", _409="campaign-over"),
)
async def post_pause(campaign_id: CampaignId, caller: AuthenticatedCaller, pool: ServicePool) -> CampaignView:
    """Pauses between two pages. The time to object continues to run."""
    caller.require(CAMPAIGNS)
    await pause_campaign(pool, campaign_id, paused=True)
    return CampaignView.of(await show_campaign(pool, campaign_id))


@router.post(
    "/campaigns/{campaign_id}/resume",
    operation_id="resumeCampaign",
    summary="Resume a campaign",
    responses=problems(_403=SCOPE_NEEDED, _404="campaign-unknown", _409="campaign-over"),
)
async def post_resume(campaign_id: CampaignId, caller: AuthenticatedCaller, pool: ServicePool) -> CampaignView:
    """Continues after the last committed page."""
    caller.require(CAMPAIGNS)
    await pause_campaign(pool, campaign_id, paused=False)
    return CampaignView.of(await show_campaign(pool, campaign_id))


@router.post(
    "/campaigns/{campaign_id}/letters",
    operation_id="reprintLetters",
    summary="Reprint a page of a campaign's letters",
    responses=problems(_403=SCOPE_NEEDED, _404="campaign-unknown"),
)
async def post_letters(
    campaign_id: CampaignId,
    body: PrintingBody,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    rules: ProvidedOpeningRules,
) -> PrintingView:
    """Reprints the codes that can still be used.

    Request page after page under one printing id; an interrupted printing can be resumed at any page, and no letter is
    sent twice.
    """
    caller.require(CAMPAIGNS)
    page = rules.page
    printed = await reprint_letters(storage, campaign_id, body.printing, body.after, page)
    return PrintingView(letters=printed[0], next_after=printed[1])
