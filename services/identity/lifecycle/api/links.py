"""The routes that link two records of one person, and end the link."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Response

from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.lifecycle.domain.lifecycle import party_of
from services.identity.lifecycle.models import LinkBody, LinkView
from services.identity.lifecycle.steps import LifecycleRequest
from services.identity.lifecycle.usecases.change_link import change_link
from services.identity.lifecycle.usecases.read_link import read_link
from shared.db.pool import Pool
from shared.errors import ForbiddenError
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.door import Door
from shared.http.prefer import seconds_to_wait, wait_for
from shared.http.tokens import Caller

router = APIRouter(route_class=Door, tags=["duplicates"])
SCOPE = "records.open"
Prefer = Annotated[str | None, Header(description="`wait=N`: waits up to N seconds (10 at most) until it is in force")]
RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": LinkView, "description": "In force for both records"},
    202: {"model": LinkView, "description": "Not in force yet"},
    **problems(
        _403="forbidden; needs the scope records.open",
        _404="record-unknown",
        _409="record-linked, holder-deceased",
        _422="same-record",
    ),
}


@router.post(
    "/records/{record_id}/link",
    operation_id="linkRecords",
    summary="Link two records of one person",
    status_code=202,
    responses=RESPONSES,
)
async def post_link(  # FastAPI injects each parameter
    record_id: UUID,
    body: LinkBody,
    response: Response,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    prefer: Prefer = None,
) -> LinkView:
    """Links two records, for an administrator who has verified that both belong to one person.

    No document moves: the person sees both records as one, while the state of each record and the blocks of both decide
    about its documents. Repeating the request changes nothing.
    """
    await change_link(storage, record_id, body.linked_to, lifecycle_request("link", caller))
    return await _link_in_force(storage.pool, record_id, body.linked_to, response, prefer)


@router.post(
    "/records/{record_id}/unlink",
    operation_id="unlinkRecords",
    summary="End the link of two records",
    status_code=202,
    responses=RESPONSES,
)
async def post_unlink(  # FastAPI injects each parameter
    record_id: UUID,
    body: LinkBody,
    response: Response,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    prefer: Prefer = None,
) -> LinkView:
    """Ends the link, for an administrator. Afterwards reads behave as before the link.

    Repeating the request changes nothing.
    """
    await change_link(storage, record_id, body.linked_to, lifecycle_request("unlink", caller))
    return await _link_in_force(storage.pool, record_id, body.linked_to, response, prefer)


@router.get(
    "/records/{record_id}/link",
    operation_id="getLink",
    summary="Read the link of a record",
    responses=problems(_403="forbidden; needs the scope records.open", _404="record-unknown"),
)
async def get_link(record_id: UUID, caller: AuthenticatedCaller, pool: ServicePool) -> LinkView:
    """Returns the link, for an administrator. `records` also contains the linked record, if there is one."""
    caller.require(SCOPE)
    if caller.kind != "administrator":
        raise ForbiddenError
    return LinkView.of(await read_link(pool, record_id))


def lifecycle_request(action: Literal["link", "unlink"], caller: Caller) -> LifecycleRequest:
    """Returns the request of this caller. Raises ForbiddenError, RecordUnknownError."""
    caller.require(SCOPE)
    return LifecycleRequest(action, party_of(caller.kind, None, None), caller.actor())


async def _link_in_force(pool: Pool, record_id: UUID, other: UUID, response: Response, prefer: str | None) -> LinkView:
    states = await wait_for(
        lambda: read_link(pool, record_id, other),
        lambda pair: all(record.is_in_force for record in pair),
        seconds_to_wait(prefer),
    )
    view = LinkView.of(states)
    response.status_code = 200 if view.status == "in-force" else 202
    return view
