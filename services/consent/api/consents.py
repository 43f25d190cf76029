"""Authorisations as FHIR R4 `Consent`: created by an explicit act, searched, ended. Errors are OperationOutcomes."""

from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from services.consent.api.changing import Changing, IfMatch, Prefer, etag_of
from services.consent.domain.choices import Change
from services.consent.domain.consents import Shown, consent_id, named_by
from services.consent.domain.identifiers import possible_ids
from services.consent.models.choices import ChangeView
from services.consent.models.consents import ConsentBody, ConsentInvalidError, consent_resource, narrative, searchset
from services.consent.usecases.find_consents import find_consents, show_changed
from shared.errors import ClientError, NotFoundError
from shared.fhir.write import FHIR_JSON
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller, CopyLimit, ServicePool, copy_limit_of
from shared.http.constant_time import delay_response
from shared.http.door import Door
from shared.national_ids import full_ids
from shared.runtime import clock

_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"description": "Done; on its way to where reads are decided. `Prefer: wait=N` waits until it is in force."},
    400: {"description": "OperationOutcome `consent-invalid`, `search-invalid`."},
    403: {"description": "OperationOutcome `change-not-permitted`, `forbidden`."},
    404: {"description": "OperationOutcome `not-found`."},
    409: {"description": "OperationOutcome `professional-blocked`, `list-full`, `record-closed`."},
    412: {
        "description": "OperationOutcome `version-differs`; `ETag` is the present version. To the person's side only."
    },
    422: {"description": "OperationOutcome `period-invalid`, `national-id-invalid`."},
    503: {"description": "OperationOutcome `record-not-ready`, `cannot-be-checked-now`: to patients the first alone."},
}
_BODY = {"requestBody": {"content": {FHIR_JSON: {"schema": {"type": "object"}}}, "required": True}}
_FORM = {
    "requestBody": {
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {name: {"type": "string"} for name in ("patient", "actor", "status")},
                    "required": ["patient"],
                }
            }
        },
        "required": True,
    }
}
MOST_PARAMETERS = 20


class SearchInvalidError(ClientError):
    """Consents are searched by patient (Patient/<record>), and beside it by actor and status."""

    code = "search-invalid"
    french = "Les Consent se cherchent par patient (Patient/<dossier>), puis par actor et status."


router = APIRouter(
    route_class=Door, prefix="/fhir/Consent", tags=["fhir"], responses=_ANSWERS, default_response_class=Response
)

Id = Annotated[str, Path(max_length=64, description="as the server gave it")]
Patient = Annotated[str, Query(max_length=64, description="the record: `Patient/<id>` or the id")]
Actor = Annotated[
    str | None, Query(max_length=160, description="national id of the holder, with its system or without")
]
Status = Annotated[str | None, Query(pattern="^(active|inactive)$")]


@router.post("", summary="Authorise, as a Consent", status_code=201, openapi_extra=_BODY)
async def create(
    request: Request,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    prefer: Prefer = None,
    if_match: IfMatch = None,
) -> Response:
    """By the person's side for anybody; by a professional for themself, while the person's card is present."""
    body = ConsentBody.read(await request.body())
    named = full_ids(body.holder_id, body.holder_kind) or (body.holder_id,)
    if body.status != "active" or any(consent_id(body.record_id, one) is None for one in named):
        raise ConsentInvalidError
    changing = Changing(request, body.record_id, caller, pool, Response(), prefer, if_match)
    change = _authorising(body, body.holder_id, changing)
    view, holder_id = await changing.make_about(change)
    return await _one(changing, change.model_copy(update={"subject_id": holder_id}), view, request, created=True)


@router.get("", summary="Search authorisations")
async def search(
    request: Request,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    patient: Patient,
    actor: Actor = None,
    status: Status = None,
) -> Response:
    """The person's side finds all of the record; a professional and a structure's software find their own."""
    return await _search(request, caller, pool, patient, actor, status)


@router.post("/_search", summary="Search authorisations, with the parameters in the body", openapi_extra=_FORM)
@urgent(Urgency.READ)
async def search_by_post(request: Request, caller: AuthenticatedCaller, pool: ServicePool) -> Response:
    """The same, with nothing in the URL."""
    form = _form(await request.body())
    status = form.get("status")
    if status not in (None, "active", "inactive"):
        raise SearchInvalidError
    return await _search(request, caller, pool, form.get("patient", ""), form.get("actor"), status)


@router.get("/{id}", summary="One authorisation")
async def read(id: Id, caller: AuthenticatedCaller, pool: ServicePool, copy_limit: CopyLimit) -> Response:
    """As it stands."""
    record_id, holder_id, is_next = _named(id)
    found = _of(holder_id, await find_consents(pool, record_id, caller, copy_limit), is_next)
    return _answer(consent_resource(record_id, found, clock.now()), 200, _etag(found.version))


@router.put("/{id}", summary="Change or end an authorisation", openapi_extra=_BODY)
async def update(
    id: Id,
    request: Request,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    prefer: Prefer = None,
    if_match: IfMatch = None,
) -> Response:
    """`inactive` ends it, and with it the one to come beside it; `active` gives it the period that is sent."""
    body = ConsentBody.read(await request.body())
    record_id, holder_id, _ = _named(id)
    is_of_holder = holder_id in possible_ids(body.holder_id, body.holder_kind)
    if body.record_id != record_id or not is_of_holder or body.id not in (None, id):
        raise ConsentInvalidError
    changing = Changing(request, record_id, caller, pool, Response(), prefer, if_match)
    if body.status == "active":
        change = _authorising(body, holder_id, changing)
        return await _one(changing, change, await changing.make(change), request)
    view = await changing.make(Change(action="end-authorisation", subject_id=holder_id))
    ended = body.model_dump(mode="json", exclude_none=True, exclude_defaults=True) | {"id": id}
    return _answer(ended, 200 if view.status == "in-force" else 202, _etag(view.version))


@router.delete("/{id}", summary="End an authorisation", status_code=204)
async def delete(
    id: Id,
    request: Request,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    prefer: Prefer = None,
    if_match: IfMatch = None,
) -> Response:
    """Whether or not there was one; the one to come beside it ends too."""
    record_id, holder_id, _ = _named(id)
    changing = Changing(request, record_id, caller, pool, Response(), prefer, if_match)
    view = await changing.make(Change(action="end-authorisation", subject_id=holder_id))
    return Response(status_code=204 if view.status == "in-force" else 202, headers=_etag(view.version))


async def _search(
    request: Request,
    caller: AuthenticatedCaller,
    pool: ServicePool,
    patient: str,
    actor: str | None,
    status: str | None,
) -> Response:
    try:
        record_id = UUID(patient.removeprefix("Patient/"))
    except ValueError as error:
        raise SearchInvalidError from error
    held = await find_consents(pool, record_id, caller, copy_limit_of(request))
    wanted = None if actor is None else possible_ids(actor.rpartition("|")[2].strip(), None)
    found = [
        one
        for one in held
        if (wanted is None or one.given.holder_id in wanted) and consent_id(record_id, one.given.holder_id)
    ]
    resources = [consent_resource(record_id, one, clock.now()) for one in found]
    shown = [one for one in resources if status in (None, one["status"])]
    if not shown:
        await delay_response(request)
    return _answer(searchset(shown, str(request.base_url)), 200, {})


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError as error:
        raise SearchInvalidError from error


async def _one(
    changing: Changing, change: Change, view: ChangeView, request: Request, *, created: bool = False
) -> Response:
    # Not found where another has ended it while this was being answered.
    held = await show_changed(changing.pool, changing.record_id, changing.caller)
    now = clock.now()
    holder_id, begins_later = change.subject_id or "", change.since is not None and change.since > now
    of_holder = tuple(one for one in held if one.given.holder_id == holder_id)
    found = _of(holder_id, of_holder, begins_later and any(one.is_next for one in of_holder))
    resource = consent_resource(changing.record_id, found, now)
    if view.warning is not None:
        resource["text"] = narrative(view.warning)
    done = 201 if created else 200
    location = f"{request.base_url}fhir/Consent/{resource['id']}"
    headers = {**_etag(found.version), **({"location": location} if created else {})}
    return _answer(resource, done if view.status == "in-force" else 202, headers)


def _authorising(body: ConsentBody, holder_id: str, changing: Changing) -> Change:
    period = body.provision.period
    return Change(
        action="authorise-professional",
        subject_id=holder_id,
        kind=body.holder_kind,
        since=period.start,
        until=period.end,
        how="card-present" if changing.caller.kind == "professional" else "online",
    )


def _named(id: str) -> tuple[UUID, str, bool]:
    found = named_by(id)
    if found is None:
        raise NotFoundError
    return found


def _of(holder_id: str, held: tuple[Shown, ...], is_next: bool = False) -> Shown:
    found = next((one for one in held if (one.given.holder_id, one.is_next) == (holder_id, is_next)), None)
    if found is None:
        raise NotFoundError
    return found


def _etag(version: int | str | None) -> dict[str, str]:
    return {} if version is None else {"etag": f"W/{etag_of(version)}"}


def _answer(resource: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(resource), status, headers, FHIR_JSON)
