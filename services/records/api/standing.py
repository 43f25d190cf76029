"""TD0.2 as FHIR: `Patient?identifier=`, for professionals and their software; it tells no traits."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.api.bodies import check_form
from services.records.api.documentation import POST_STANDING, STANDING
from services.records.api.parts import caller_of, desk_of, flagged, mode_of, parts_of
from services.records.api.searching import LONGEST_FORM, SearchError, parse_form
from services.records.usecases.check_record import Standing, check_record
from shared.crypto.fingerprints import ins_parts
from shared.fhir.write import FHIR_JSON, patient_standing, searchset
from shared.http.admission import Urgency, urgent
from shared.http.door import Door
from shared.values import Ins, InvalidInsError

router = APIRouter(route_class=Door)
KNOWN = frozenset({"identifier", "_format"})


@router.get("/fhir/Patient", **STANDING)
async def find_patient(request: Request) -> Response:
    """The INS in the URL; POST keeps it out of it."""
    return await _find(request, parse_form(request.scope["query_string"]))


@router.post("/fhir/Patient/_search", **POST_STANDING)
@urgent(Urgency.READ)
async def post_find_patient(request: Request) -> Response:
    """The INS in a form."""
    body = await request.body()
    if body:
        check_form(request)
    if len(body) > LONGEST_FORM:
        raise SearchError
    return await _find(request, parse_form(request.scope["query_string"]) | parse_form(body))


async def _find(request: Request, parameters: dict[str, str]) -> Response:
    caller = await caller_of(request)
    if not parameters.keys() <= KNOWN or "identifier" not in parameters:
        raise SearchError("Search with identifier (INS as system|value), once, and nothing else.")
    try:
        ins = Ins.from_token(parameters["identifier"])
    except InvalidInsError as error:
        raise SearchError(str(error)) from error
    fingerprints = tuple(parts_of(request).ins_hmac.fingerprints(*ins_parts(ins)))
    standing = await check_record(desk_of(request), caller, fingerprints)
    base = str(request.base_url)
    found = [] if standing is None else [(f"{base}fhir/Patient/{standing.record_id}", _patient(standing, ins))]
    body = searchset(found, self_url=f"{base}fhir/Patient", access_mode=mode_of(request))
    return Response(body, 200, {"cache-control": "no-store", **flagged(request)}, FHIR_JSON)


def _patient(standing: Standing, ins: Ins) -> bytes:
    return patient_standing(
        str(standing.record_id),
        ins,
        active=standing.active,
        authorisation=standing.authorisation,
        attending_doctor=standing.attending_doctor,
    )
