"""The route with which the patient side searches professionals and structures in the public directory."""

from typing import Annotated

from fastapi import APIRouter, Query

from services.consent.directory.domain import query_of
from services.consent.directory.models import DirectoryResultsView
from services.consent.directory.usecases.search_directory import search_directory
from shared.contracts.base import CODE_PATTERN
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["choices"])


@router.get(
    "/directory",
    operation_id="searchDirectory",
    summary="Search professionals and structures by name",
    responses={
        403: {"description": "`forbidden`: only the patient's side searches here."},
        422: {"description": "`search-words-missing`, `invalid`"},
        429: {"description": "`too-many-searches`: more than 100 in an hour."},
    },
)
async def get_directory(
    caller: AuthenticatedCaller,
    pool: ServicePool,
    name: Annotated[str, Query(max_length=100, description="words of the name, or their beginnings")] = "",
    place: Annotated[str, Query(max_length=100, description="words of the name of a structure")] = "",
    profession: Annotated[
        str | None, Query(pattern=CODE_PATTERN, max_length=64, description="JDV_J65, such as G15_10")
    ] = None,
    after: Annotated[
        str | None, Query(pattern=CODE_PATTERN, max_length=64, description="`next` of the page before")
    ] = None,
) -> DirectoryResultsView:
    """Returns active professionals and structures in the order of their names, 20 a page.

    Case and accents make no difference. A professional is in a place if one of their structures has these words.
    """
    return DirectoryResultsView.of(await search_directory(pool, caller, query_of(name, place, profession), after))
