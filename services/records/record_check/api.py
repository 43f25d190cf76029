"""TD0.2 as FHIR: `Patient?identifier=`, for professionals and their software. It returns no traits."""

from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.records.facts.context import InjectedReadContext, ReadContext
from services.records.kit.bodies import check_form
from services.records.kit.documentation import AUTHENTICATED, SEARCH_ROUTE, query
from services.records.kit.forms import LONGEST_FORM, SearchError, linked_parameters, parse_form, used_parameters
from services.records.kit.requests import InsHmac, access_headers, caller_of, mode_of
from services.records.record_check.usecases.check_record import RecordAccess, check_record
from shared.crypto.fingerprints import ins_parts
from shared.crypto.keyring import Keyring
from shared.fhir.answer_bundles import searchset
from shared.fhir.write import FHIR_JSON, patient_standing
from shared.http.admission import Urgency, urgent
from shared.http.door import Door
from shared.http.prefer import is_lenient
from shared.values import Ins, InvalidInsError

router = APIRouter(route_class=Door)
KNOWN_PARAMETERS = frozenset({"identifier", "_format"})
_IDENTIFIER = query("identifier", "INS as system|value; prefer POST _search", "urn:oid:1.2.250.1.213.1.4.10|...")
FIND_PATIENT: dict[str, Any] = {
    **SEARCH_ROUTE,
    "summary": "Check whether a person has a record, and your access to it (TD0.2)",
    "description": "For professionals and their software. active: whether the record is open. Extensions: the "
    "authorisation (NON_EXISTE, INTERDIT, EXPIRE, VALIDE), and whether you are a médecin traitant. Returns no traits.",
    "openapi_extra": {**AUTHENTICATED, "parameters": [_IDENTIFIER]},
}
POST_FIND_PATIENT: dict[str, Any] = {
    **FIND_PATIENT,
    "summary": "Check whether a person has a record (TD0.2), without an INS in the URL",
    "openapi_extra": {
        **AUTHENTICATED,
        "requestBody": {
            "required": True,
            "content": {
                "application/x-www-form-urlencoded": {
                    "schema": {"type": "object", "properties": {"identifier": _IDENTIFIER["schema"]}}
                }
            },
        },
    },
}


@router.get("/fhir/Patient", operation_id="checkRecord", **FIND_PATIENT)
async def find_patient(request: Request, context: InjectedReadContext, ins_hmac: InsHmac) -> Response:
    """Searches with the INS in the URL; prefer the POST, which keeps it out."""
    return await _find(request, context, ins_hmac, parse_form(request.scope["query_string"]))


@router.post("/fhir/Patient/_search", operation_id="checkRecordByForm", **POST_FIND_PATIENT)
@urgent(Urgency.READ)
async def post_find_patient(request: Request, context: InjectedReadContext, ins_hmac: InsHmac) -> Response:
    """Searches with the INS in a form."""
    body = await request.body()
    if body:
        check_form(request)
    if len(body) > LONGEST_FORM:
        raise SearchError
    return await _find(request, context, ins_hmac, parse_form(request.scope["query_string"]) | parse_form(body))


async def _find(request: Request, context: ReadContext, ins_hmac: Keyring, parameters: dict[str, str]) -> Response:
    caller = await caller_of(request)
    used = used_parameters(parameters, KNOWN_PARAMETERS, is_lenient=is_lenient(request.headers.get("prefer")))
    if "identifier" not in used:
        raise SearchError("Search with identifier (INS as system|value), once, and nothing else.")
    try:
        ins = Ins.from_token(used["identifier"])
    except InvalidInsError as error:
        raise SearchError(str(error)) from error
    fingerprints = tuple(ins_hmac.fingerprints(*ins_parts(ins)))
    access = await check_record(context, caller, fingerprints)
    base = str(request.base_url)
    entries = [] if access is None else [(f"{base}fhir/Patient/{access.record_id}", _patient(access, ins))]
    parameters_of_link = urlencode(linked_parameters(request, used, {"identifier"}))
    self_url = f"{base}fhir/Patient?{parameters_of_link}" if parameters_of_link else f"{base}fhir/Patient"
    body = searchset(entries, self_url=self_url, total=len(entries), access_mode=mode_of(request))
    return Response(body, 200, {"cache-control": "no-store", **access_headers(request)}, FHIR_JSON)


def _patient(access: RecordAccess, ins: Ins) -> bytes:
    return patient_standing(
        str(access.record_id),
        ins,
        active=access.active,
        authorisation=access.authorisation,
        attending_doctor=access.is_attending_doctor,
    )
