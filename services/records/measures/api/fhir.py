"""Measures as FHIR Observations: entered one at a time, read by id, searched by patient, code and date."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext
from services.records.kit.bodies import check_json
from services.records.kit.documentation import (
    AUTHENTICATED,
    BYTES,
    HIDDEN,
    NOT_ACCEPTABLE,
    SEARCH_ROUTE,
    UNAUTHENTICATED,
    outcome,
    query,
    resource,
)
from services.records.kit.forms import SearchError, parse_form, used_parameters
from services.records.kit.requests import access_headers, caller_of, mode_of
from services.records.measures.api.resources import body_mass_index, observation
from services.records.measures.domain.measures import checked
from services.records.measures.domain.observations import ObservationInvalidError, read_observation
from services.records.measures.usecases.add_measure import add_measure
from services.records.measures.usecases.list_measures import MeasureList, list_measures
from services.records.measures.usecases.read_measure import read_measure
from shared.errors import NotFoundError
from shared.fhir.answer_bundles import searchset
from shared.fhir.references import patient_id
from shared.fhir.write import FHIR_JSON
from shared.http.constant_time import delay_response
from shared.http.door import Door
from shared.http.prefer import is_lenient
from shared.runtime import clock
from shared.terminology.measures import BODY_MASS_INDEX, measure_types, observation_type

router = APIRouter(route_class=Door)
KNOWN_PARAMETERS: Final = frozenset({"patient", "subject", "code", "date", "_count", "_page", "_sort", "_format"})
MOST_ON_A_PAGE: Final = 100
_PRIVATE: Final = {"cache-control": "no-store"}
_NONE_SEEN: Final = MeasureList((), (), (), is_complete=True, notices=())
POST_OBSERVATION: dict[str, Any] = {
    **BYTES,
    "status_code": 201,
    "summary": "Enter a measure as an Observation",
    "description": "An Observation of one of the measures of Mon espace santé, by the patient side. One that is sent "
    "again is the same. Location names it.",
    "openapi_extra": {
        **AUTHENTICATED,
        "requestBody": {"required": True, "content": {FHIR_JSON: {"schema": {"type": "object"}}}},
    },
    "responses": {
        201: resource("The Observation as it is kept."),
        **UNAUTHENTICATED,
        **NOT_ACCEPTABLE,
        **HIDDEN,
        415: outcome("Not FHIR in JSON, or for another version of FHIR than 4.0."),
        409: outcome("The record has as many measures of that day as it takes."),
        422: outcome("The Observation is no measure, or its value is not possible."),
    },
}
READ_OBSERVATION: dict[str, Any] = {
    **BYTES,
    "summary": "Read a measure as an Observation",
    "openapi_extra": {
        **AUTHENTICATED,
        "parameters": [
            {
                "name": "id",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "format": "uuid"},
                "description": "id of the measure",
            }
        ],
    },
    "responses": {200: resource("The Observation."), **UNAUTHENTICATED, **NOT_ACCEPTABLE, **HIDDEN},
}
FIND_OBSERVATIONS: dict[str, Any] = {
    **SEARCH_ROUTE,
    "summary": "Search measures as Observations",
    "openapi_extra": {
        **AUTHENTICATED,
        "parameters": [
            query("patient", "the record's id", "0190a1b2-c3d4-8e5f-8a6b-7c8d9e0f1a2b"),
            query("code", "the code of a measure, as code or system|code", "http://loinc.org|29463-7"),
            query("date", "the day: ge2026-01-01, le2026-06-30, or one day; twice for a period", "ge2026-01-01"),
            query("_count", "Observations on a page, up to 100", "50"),
            query("_page", "the number of the page, from 1", "1"),
        ],
    },
}


@router.post("/fhir/Observation", operation_id="addObservation", **POST_OBSERVATION)
async def post_observation(request: Request, context: InjectedReadContext) -> Response:
    """Enters the measure that an Observation states."""
    caller = await caller_of(request)
    check_json(request)
    stated = read_observation(await request.body())
    try:
        record_id = UUID(patient_id(stated.subject, f"{request.base_url}fhir"))
    except ValueError as error:
        raise ObservationInvalidError.at("subject") from error
    measure = checked(stated.measure, clock.now(), stated.unit)
    added = await add_measure(context, caller, record_id, measure, masked=False)
    view = await read_measure(context, caller, added.id, record_id)
    location = f"{request.base_url}fhir/Observation/{added.id}"
    headers = {**_PRIVATE, "location": location, "etag": f'W/"{view.versions[0].version}"'}
    return Response(observation(view.versions[0], record_id), 201, headers, FHIR_JSON)


@router.get(
    "/fhir/Observation/{id}",
    operation_id="readObservation",
    **READ_OBSERVATION,
)
async def get_observation(request: Request, context: InjectedReadContext) -> Response:
    """Returns the newest version of one measure."""
    caller = await caller_of(request)
    try:
        id = UUID(request.path_params["id"])
    except ValueError as error:
        raise NotFoundError from error
    view = await read_measure(context, caller, id)
    headers = {**_PRIVATE, **access_headers(request, view.notices), "etag": f'W/"{view.versions[0].version}"'}
    return Response(observation(view.versions[0], view.record_id), 200, headers, FHIR_JSON)


@router.get("/fhir/Observation", operation_id="searchObservations", **FIND_OBSERVATIONS)
async def find_observations(request: Request, context: InjectedReadContext) -> Response:
    """Returns a page of measures; empty for an unknown record, and for one whose existence is hidden."""
    caller = await caller_of(request)
    text, dates = _split_dates(request.scope["query_string"])
    used = used_parameters(parse_form(text), KNOWN_PARAMETERS, is_lenient=is_lenient(request.headers.get("prefer")))
    record_id, code, period = _record_id(used, f"{request.base_url}fhir"), _code(used), _period(dates)
    count, page = _number(used, "_count", 50, MOST_ON_A_PAGE), _number(used, "_page", 1, 10_000)
    listed = _NONE_SEEN
    if code is None or code in measure_types():
        try:
            listed = await list_measures(context, caller, record_id, code, *period)
        except NotFoundError:
            listed = _NONE_SEEN
    resources = _resources(listed, code, record_id)
    if not resources:
        await delay_response(request)
    shown = resources[(page - 1) * count : page * count]
    links = {**used, "_count": str(count)}
    body = searchset(
        [(f"urn:uuid:{id}", each) for id, each in shown],
        self_url=_url(request, links, dates, page),
        next_url=_url(request, links, dates, page + 1) if page * count < len(resources) else None,
        total=len(resources),
        access_mode=mode_of(request),
    )
    return Response(body, 200, {**_PRIVATE, **access_headers(request, listed.notices)}, FHIR_JSON)


def _resources(listed: MeasureList, code: str | None, record_id: UUID) -> list[tuple[str, bytes]]:
    """Returns id and Observation of each measure, or of each computed body mass index."""
    if code == BODY_MASS_INDEX:
        return [body_mass_index(point, record_id) for point in listed.points]
    return [(str(stored.id), observation(stored, record_id)) for stored in listed.measures]


def _split_dates(text: bytes) -> tuple[bytes, list[str]]:
    """Returns the query without its dates, which alone may stand there twice, and the dates. Raises SearchError."""
    parts = text.split(b"&")
    dates = [part.partition(b"=")[2].decode("ascii", "replace") for part in parts if part.startswith(b"date=")]
    if len(dates) > 2:
        raise SearchError("Send date at most twice, for the first and the last day.")
    return b"&".join(part for part in parts if not part.startswith(b"date=")), dates


def _record_id(used: Mapping[str, str], base: str) -> UUID:
    patients = [used[name] for name in ("patient", "subject") if name in used]
    if len(patients) != 1:
        raise SearchError("Search with patient (id of the record), once.")
    try:
        return UUID(patient_id(patients[0], base))
    except ValueError as error:
        raise SearchError("patient is not a valid id.") from error


def _code(used: Mapping[str, str]) -> str | None:
    """Returns the code of the measure; an empty text where no measure has the code that is sought."""
    if "code" not in used:
        return None
    system, separator, code = used["code"].rpartition("|")
    systems = [system] if separator else [kind.system for kind in measure_types().values()]
    kinds = [kind for each in systems if (kind := observation_type(each, code)) is not None]
    entered = [kind.code for kind in kinds if not kind.is_derived or kind.code == BODY_MASS_INDEX]
    return entered[0] if entered else ""


def _period(dates: list[str]) -> tuple[date | None, date | None]:
    """Returns the first and the last day. Raises SearchError."""
    first: date | None = None
    last: date | None = None
    for text in dates:
        prefix, day = text[:2] if text[:2].isalpha() else "eq", text[2:] if text[:2].isalpha() else text
        try:
            parsed = date.fromisoformat(day)
        except ValueError as error:
            raise SearchError("date is a day, YYYY-MM-DD, with ge or le before it for a period.") from error
        if prefix not in ("ge", "le", "eq"):
            raise SearchError("date takes ge and le, or a single day.")
        first = parsed if prefix in ("ge", "eq") else first
        last = parsed if prefix in ("le", "eq") else last
    return first, last


def _number(used: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = used.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most):
        raise SearchError(f"{name} must be a number from 1 to {most}.")
    return int(text)


def _url(request: Request, used: Mapping[str, str], dates: list[str], page: int) -> str:
    pairs = [*used.items(), *(("date", text) for text in dates)]
    pairs = [pair for pair in pairs if pair[0] != "_page"] + [("_page", str(page))]
    return f"{request.base_url}fhir/Observation?{urlencode(pairs)}"
