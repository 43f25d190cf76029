"""The route of the programme's public figures."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.identity.figures.models import FiguresView, FigureView
from services.identity.figures.usecases.show_figures import show_figures
from services.identity.kit.problems import problems
from shared.http.app import ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["figures"])
From = Annotated[date, Query(alias="from", description="the first day", examples=["2026-01-01"])]
To = Annotated[date, Query(alias="to", description="the last day", examples=["2026-12-31"])]


@router.get(
    "/figures",
    operation_id="getFigures",
    summary="Read the programme's figures by week",
    responses=problems(_422="span-invalid, invalid"),
)
async def get_figures(response: Response, pool: ServicePool, first: From, last: To) -> FiguresView:
    """Returns records opened, accounts activated, objections and closures, by region and channel.

    It covers the weeks that begin in this span. Needs no token.
    """
    response.headers["cache-control"] = "public, max-age=3600"
    return FiguresView(figures=[FigureView.of(figure) for figure in await show_figures(pool, first, last)])
