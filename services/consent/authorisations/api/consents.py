"""Authorisations as FHIR R4 `Consent` resources: create, search, read, change, end. Errors are OperationOutcomes."""

from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from services.consent.authorisations.api.documentation import (
    BODY,
    CHANGED,
    CREATED,
    ENDED,
    FORM,
    FORM_FIELDS,
    READ,
    RESPONSES,
    SEARCHSET,
)
from services.consent.authorisations.domain import (
    ConsentReference,
    VersionedAuthorisation,
    consent_id,
    parse_consent_id,
)
from services.consent.authorisations.models import (
    ConsentBody,
    ConsentInvalidError,
    consent_resource,
    narrative,
    searchset,
)
from services.consent.authorisations.usecases.find_consents import find_changed_consents, find_consents
from services.consent.choices.api.changer import ChoiceChanger, IfMatch, Prefer, etag_of
from services.consent.choices.context import InjectedChoicesContext
from services.consent.choices.domain.changes import check_period
from services.consent.choices.domain.choices import Change
from services.consent.choices.domain.identifiers import possible_ids
from services.consent.choices.models import ChangeView
from shared.errors import ClientError, NotFoundError
from shared.fhir.references import patient_id
from shared.fhir.write import FHIR_JSON
from shared.http.admission import Urgency, urgent
from shared.http.app import AuthenticatedCaller
from shared.http.constant_time import delay_response
from shared.http.door import Door
from shared.national_ids import full_ids
from shared.runtime import clock

MOST_PARAMETERS = 20


class SearchInvalidError(ClientError):
    """Consents are searched by patient (Patient/<record>), and optionally by actor and status."""

    code = "search-invalid"
    french = "Les Consent se cherchent par patient (Patient/<dossier>), puis par actor et status."


router = APIRouter(
    route_class=Door, prefix="/fhir/Consent", tags=["fhir"], responses=RESPONSES, default_response_class=Response
)

ConsentIdParam = Annotated[str, Path(max_length=64, description="the id that the server assigned")]
PatientParam = Annotated[str, Query(max_length=300, description=FORM_FIELDS["patient"])]
ActorParam = Annotated[
    str | None,
    Query(max_length=160, description=FORM_FIELDS["actor"]),
]
StatusParam = Annotated[str | None, Query(pattern="^(active|inactive)$", description=FORM_FIELDS["status"])]


@router.post(
    "",
    operation_id="createConsent",
    responses=CREATED,
    summary="Create an authorisation",
    status_code=201,
    openapi_extra=BODY,
)
async def create(
    request: Request,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    prefer: Prefer = None,
    if_match: IfMatch = None,
) -> Response:
    """Creates an authorisation.

    The patient side authorises anybody; a professional authorises themselves while the patient's card is present.
    """
    body = ConsentBody.read(await request.body())
    possible_grantee_ids = full_ids(body.grantee_id, body.grantee_kind) or (body.grantee_id,)
    has_consent_ids = all(consent_id(body.record_id, id) is not None for id in possible_grantee_ids)
    if body.status != "active" or not has_consent_ids:
        raise ConsentInvalidError
    changer = ChoiceChanger(request, body.record_id, caller, context, Response(), prefer, if_match)
    change = _authorisation_change(body, body.grantee_id, changer)
    applied = await changer.apply_to_subject(change)
    resolved = change.model_copy(update={"subject_id": applied.subject_id})
    return await _respond_with_consent(changer, resolved, applied.view, request, created=True)


@router.get("", operation_id="searchConsents", responses=SEARCHSET, summary="Search authorisations")
async def search(
    request: Request,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    patient: PatientParam,
    actor: ActorParam = None,
    status: StatusParam = None,
) -> Response:
    """Searches authorisations.

    The patient side finds all authorisations of the record; a professional and the software of a structure find their
    own.
    """
    return await _search(request, caller, context, patient, actor, status)


@router.post(
    "/_search",
    operation_id="searchConsentsByForm",
    responses=SEARCHSET,
    summary="Search authorisations with a form",
    openapi_extra=FORM,
)
@urgent(Urgency.READ)
async def search_by_post(request: Request, caller: AuthenticatedCaller, context: InjectedChoicesContext) -> Response:
    """Searches like GET, with the parameters in a form instead of the URL."""
    form = _form(await request.body())
    status = form.get("status")
    if status not in (None, "active", "inactive"):
        raise SearchInvalidError
    return await _search(request, caller, context, form.get("patient", ""), form.get("actor"), status)


@router.get("/{id}", operation_id="readConsent", responses=READ, summary="Read an authorisation")
async def read(id: ConsentIdParam, caller: AuthenticatedCaller, context: InjectedChoicesContext) -> Response:
    """Returns the authorisation in its current state."""
    record_id, grantee_id, is_next = _parse_id(id)
    visible = await find_consents(context.pool, record_id, caller, context.rules.max_copy_age)
    authorisation = _find_authorisation(grantee_id, visible, is_next)
    return _response(consent_resource(record_id, authorisation, clock.now()), 200, _etag(authorisation.version))


@router.put(
    "/{id}",
    operation_id="updateConsent",
    responses=CHANGED,
    summary="Change or end an authorisation",
    openapi_extra=BODY,
)
async def update(
    id: ConsentIdParam,
    request: Request,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    prefer: Prefer = None,
    if_match: IfMatch = None,
) -> Response:
    """Ends or changes the authorisation.

    `inactive` ends it, and the one that begins later; `active` gives it the period in the body.
    """
    body = ConsentBody.read(await request.body())
    record_id, grantee_id, _ = _parse_id(id)
    is_of_grantee = grantee_id in possible_ids(body.grantee_id, body.grantee_kind)
    if body.record_id != record_id or not is_of_grantee or body.id not in (None, id):
        raise ConsentInvalidError
    changer = ChoiceChanger(request, record_id, caller, context, Response(), prefer, if_match)
    if body.status == "active":
        change = _authorisation_change(body, grantee_id, changer)
        return await _respond_with_consent(changer, change, await changer.apply(change), request)
    check_period(body.provision.period.start, body.provision.period.end)
    view = await changer.apply(Change(action="end-authorisation", subject_id=grantee_id))
    ended = body.model_dump(mode="json", exclude_none=True, exclude_defaults=True) | {"id": id}
    return _response(ended, 200 if view.status == "in-force" else 202, _etag(view.version))


@router.delete("/{id}", operation_id="endConsent", responses=ENDED, summary="End an authorisation", status_code=204)
async def delete(
    id: ConsentIdParam,
    request: Request,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    prefer: Prefer = None,
    if_match: IfMatch = None,
) -> Response:
    """Ends the authorisation, and the one that begins later. Succeeds if there is none."""
    record_id, grantee_id, _ = _parse_id(id)
    changer = ChoiceChanger(request, record_id, caller, context, Response(), prefer, if_match)
    view = await changer.apply(Change(action="end-authorisation", subject_id=grantee_id))
    return Response(status_code=204 if view.status == "in-force" else 202, headers=_etag(view.version))


async def _search(
    request: Request,
    caller: AuthenticatedCaller,
    context: InjectedChoicesContext,
    patient: str,
    actor: str | None,
    status: str | None,
) -> Response:
    try:
        record_id = UUID(patient_id(patient, f"{request.base_url}fhir"))
    except ValueError as error:
        raise SearchInvalidError from error
    visible = await find_consents(context.pool, record_id, caller, context.rules.max_copy_age)
    grantee_ids = None if actor is None else possible_ids(actor.rpartition("|")[2].strip(), None)
    of_grantees = [
        consent
        for consent in visible
        if (grantee_ids is None or consent.authorisation.holder_id in grantee_ids)
        and consent_id(record_id, consent.authorisation.holder_id)
    ]
    resources = [consent_resource(record_id, consent, clock.now()) for consent in of_grantees]
    matches = [resource for resource in resources if status in (None, resource["status"])]
    if not matches:
        await delay_response(request)
    used = {"patient": f"Patient/{record_id}", "actor": actor, "status": status}
    return _response(searchset(matches, str(request.base_url), used), 200, {})


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError as error:
        raise SearchInvalidError from error


async def _respond_with_consent(
    changer: ChoiceChanger, change: Change, view: ChangeView, request: Request, *, created: bool = False
) -> Response:
    # NotFoundError if another request has ended the authorisation meanwhile.
    visible = await find_changed_consents(changer.pool, changer.record_id, changer.caller)
    now = clock.now()
    grantee_id, begins_later = change.subject_id or "", change.since is not None and change.since > now
    of_grantee = tuple(candidate for candidate in visible if candidate.authorisation.holder_id == grantee_id)
    authorisation = _find_authorisation(
        grantee_id, of_grantee, begins_later and any(candidate.is_next for candidate in of_grantee)
    )
    resource = consent_resource(changer.record_id, authorisation, now)
    if view.warning is not None:
        resource["text"] = narrative(view.warning)
    status_in_force = 201 if created else 200
    location = f"{request.base_url}fhir/Consent/{resource['id']}"
    headers = {**_etag(authorisation.version), **({"location": location} if created else {})}
    return _response(resource, status_in_force if view.status == "in-force" else 202, headers)


def _authorisation_change(body: ConsentBody, grantee_id: str, changer: ChoiceChanger) -> Change:
    period = body.provision.period
    return Change(
        action="authorise-professional",
        subject_id=grantee_id,
        kind=body.grantee_kind,
        since=period.start,
        until=period.end,
        how="card-present" if changer.caller.kind == "professional" else "online",
    )


def _parse_id(id: str) -> ConsentReference:
    reference = parse_consent_id(id)
    if reference is None:
        raise NotFoundError
    return reference


def _find_authorisation(
    grantee_id: str, consents: tuple[VersionedAuthorisation, ...], is_next: bool = False
) -> VersionedAuthorisation:
    authorisation = next(
        (
            candidate
            for candidate in consents
            if (candidate.authorisation.holder_id, candidate.is_next) == (grantee_id, is_next)
        ),
        None,
    )
    if authorisation is None:
        raise NotFoundError
    return authorisation


def _etag(version: int | str | None) -> dict[str, str]:
    return {} if version is None else {"etag": f"W/{etag_of(version)}"}


def _response(resource: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(orjson.dumps(resource), status, headers, FHIR_JSON)
