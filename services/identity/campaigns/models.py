"""API models of campaigns."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.identity.campaigns.domain import Campaign
from services.identity.kit.bodies import Body, Int4, Text

Codes = Annotated[list[Text], Field(max_length=40)]


class CampaignBody(Body):
    """The people whom a campaign selects. Omitted fields select everybody."""

    regions: Codes = Field(default=[], description="INSEE codes", examples=[["11", "84"]])
    regimes: Codes = Field(default=[], description="regime codes of two digits", examples=[["01"]])
    born_from: Int4 | None = Field(default=None, description="year of birth, included", examples=[1950])
    born_to: Int4 | None = Field(default=None, description="year of birth, included", examples=[1959])
    window_days: Int4 | None = Field(default=None, description="days to object; by default the national parameter")
    rate: Int4 | None = Field(default=None, description="notices per second at most")


class CampaignView(BaseModel):
    """The progress of a campaign. `counts`: people selected, noticed, opened, and skipped by reason; reasons ending in
    `-since` arose between the notice and the opening."""

    campaign_id: UUID
    status: Literal["noticing", "waiting", "opening", "done"]
    is_paused: bool
    regions: list[str]
    regimes: list[str]
    born_from: int | None
    born_to: int | None
    window_days: int
    rate: int
    created_at: datetime
    noticed_at: datetime | None
    opens_at: datetime | None
    ended_at: datetime | None
    counts: dict[str, int]

    @classmethod
    def of(cls, campaign: Campaign) -> "CampaignView":
        """Returns the view of a campaign."""
        return cls(
            campaign_id=campaign.id,
            status=campaign.status,
            is_paused=campaign.is_paused,
            regions=list(campaign.selection.regions),
            regimes=list(campaign.selection.regimes),
            born_from=campaign.selection.born_from,
            born_to=campaign.selection.born_to,
            window_days=campaign.window_days,
            rate=campaign.rate,
            created_at=campaign.created_at,
            noticed_at=campaign.noticed_at,
            opens_at=campaign.opens_at,
            ended_at=campaign.ended_at,
            counts=dict(campaign.counts),
        )


class PrintingBody(Body):
    """The id of this printing (a UUID chosen by the caller), and the record after which the page begins (null: the
    first page)."""

    printing: Annotated[UUID, Field(strict=False)]
    after: Annotated[UUID | None, Field(strict=False)] = None


class PrintingView(BaseModel):
    """The number of letters requested, and the record after which the next page begins; null: this was the last
    page."""

    letters: int
    next_after: UUID | None
