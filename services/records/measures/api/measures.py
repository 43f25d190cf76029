"""The routes of measures in plain JSON."""

import re
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.documentation import AUTHENTICATED
from services.records.kit.requests import access_headers, caller_of
from services.records.measures.domain.errors import (
    MeasureCodeUnknownError,
    MeasurePeriodError,
    MeasureVersionInvalidError,
)
from services.records.measures.domain.measures import checked
from services.records.measures.models import (
    AddedMeasureView,
    MeasureBody,
    MeasureListView,
    MeasureVersions,
    MeasureVersionView,
    list_view,
    one_of,
)
from services.records.measures.usecases.add_measure import add_measure
from services.records.measures.usecases.change_measure import MeasureTarget, correct_measure, delete_measure
from services.records.measures.usecases.list_measures import list_measures
from services.records.measures.usecases.read_measure import read_measure
from shared.http.app import AuthenticatedCaller
from shared.http.door import Door
from shared.runtime import clock
from shared.terminology.measures import measure_types

router = APIRouter(route_class=Door, tags=["Measures"])
_ETAG = re.compile(r'(?:W/)?"(\d{1,9})"', re.ASCII)
_READING: dict[int | str, dict[str, Any]] = {
    403: {"description": "This kind of token does not read measures."},
    404: {"description": "There is no such record or measure, or you may not know of it."},
    503: {"description": "The patient's choices cannot be checked now; see Retry-After."},
}
_WRITING: dict[int | str, dict[str, Any]] = {
    403: {"description": "Measures are entered by the patient side; a carer changes the own ones alone."},
    404: {"description": "There is no such record or measure, or you may not act in it."},
    422: {
        "description": "`measure-out-of-range`, `measure-decimals`, `measure-parts-invalid`, `measure-unit-differs`, "
        "`measure-code-unknown`, `measure-derived`, `pressures-reversed`, `measured-in-future`, "
        "`measure-text-invalid`, `measure-kind-differs`, `record-closed`, `invalid`"
    },
    503: {"description": "Your right to act for the holder cannot be checked now; see Retry-After."},
}
_CHANGING = {
    **_WRITING,
    400: {"description": "`version-invalid`: If-Match is no ETag of a measure."},
    412: {"description": "The measure has changed since you read it (If-Match)."},
}
IfMatch = Annotated[str | None, Header(description='the ETag of the version that you read, such as "2"')]


@router.post(
    "/records/{record_id}/measures",
    operation_id="addMeasure",
    status_code=201,
    summary="Enter a measure",
    responses={**_WRITING, 409: {"description": "`too-many-measures`: the record has 500 of that day."}},
)
async def post_measure(
    record_id: UUID, body: MeasureBody, caller: AuthenticatedCaller, context: InjectedReadContext
) -> AddedMeasureView:
    """Enters a measure as the holder, a representative or a carer; it is marked with who entered it.

    A measure that is sent again, with the same time and values, is the same one: nothing is doubled.
    """
    measure = checked(body.measure(), clock.now(), body.unit)
    added = await add_measure(context, caller, record_id, measure, masked=bool(body.masked))
    return AddedMeasureView(measure_id=added.id, is_new=added.is_new)


@router.get(
    "/records/{record_id}/measures",
    operation_id="listMeasures",
    summary="List measures with their trends",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses={**_READING, 422: {"description": "`measure-code-unknown`, `measure-period-invalid`, `invalid`"}},
)
async def get_measures(  # noqa: PLR0913  # each is a part of the request or of the app
    record_id: UUID,
    request: Request,
    response: Response,
    context: InjectedReadContext,
    code: Annotated[str | None, Query(max_length=64, json_schema_extra=one_of([*measure_types()]))] = None,
    first: Annotated[date | None, Query(alias="from", description="first day; earlier ones are left out")] = None,
    last: Annotated[date | None, Query(alias="to", description="last day; later ones are left out")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="most measures or points in the answer")] = 200,
) -> MeasureListView:
    """Returns the measures, newest first; each reading is in the ledger. Trends count the whole period.

    A body mass index is computed from what you see, for each weight after a height; for a child, one of at most 90 days
    before. Nothing says what is normal.
    """
    if code is not None and code not in measure_types():
        raise MeasureCodeUnknownError
    if first is not None and last is not None and first > last:
        raise MeasurePeriodError
    listed = await list_measures(context, await caller_of(request), record_id, code, first, last)
    response.headers.update({"cache-control": "no-store", **access_headers(request, listed.notices)})
    return list_view(listed, limit)


@router.get(
    "/records/{record_id}/measures/{measure_id}",
    operation_id="readMeasure",
    summary="Read a measure with its versions",
    response_model_exclude_none=True,
    openapi_extra=AUTHENTICATED,
    responses=_READING,
)
async def get_measure(
    record_id: UUID, measure_id: UUID, request: Request, response: Response, context: InjectedReadContext
) -> MeasureVersions:
    """Returns the versions of a measure that you may see, newest first, each with who entered it."""
    view = await read_measure(context, await caller_of(request), measure_id, record_id)
    etag = f'"{view.versions[0].version}"'
    response.headers.update({"cache-control": "no-store", "etag": etag, **access_headers(request, view.notices)})
    return MeasureVersions(versions=[MeasureVersionView.of(stored) for stored in view.versions])


@router.put(
    "/records/{record_id}/measures/{measure_id}",
    operation_id="correctMeasure",
    status_code=204,
    summary="Correct a measure",
    responses=_CHANGING,
)
async def put_measure(
    record_id: UUID,
    measure_id: UUID,
    body: MeasureBody,
    caller: AuthenticatedCaller,
    context: InjectedReadContext,
    if_match: IfMatch = None,
) -> None:
    """Stores the whole measure as its next version; earlier ones stay visible. Without `masked` that stays as it is."""
    measure = checked(body.measure(), clock.now(), body.unit)
    target = MeasureTarget(record_id, measure_id, expected_version(if_match))
    await correct_measure(context, caller, target, measure, masked=body.masked)


@router.delete(
    "/records/{record_id}/measures/{measure_id}",
    operation_id="deleteMeasure",
    status_code=204,
    summary="Delete a measure",
    responses=_CHANGING,
)
async def remove_measure(
    record_id: UUID,
    measure_id: UUID,
    caller: AuthenticatedCaller,
    context: InjectedReadContext,
    if_match: IfMatch = None,
) -> None:
    """Deletes a measure with all its versions: nobody sees it any more."""
    await delete_measure(context, caller, MeasureTarget(record_id, measure_id, expected_version(if_match)))


def expected_version(if_match: str | None) -> int | None:
    """Returns the version in If-Match, None for any version. Raises MeasureVersionInvalidError."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _ETAG.fullmatch(if_match.strip())
    if match is None:
        raise MeasureVersionInvalidError
    return int(match[1])
