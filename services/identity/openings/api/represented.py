"""The route that opens a represented person's record."""

from fastapi import APIRouter, Response

from services.identity.accounts.api.dependencies import ProvidedAccountRules, holder, min_response_time
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.openings.models import RepresentedBody
from services.identity.openings.usecases.open_represented import ByAdministrator, ByRepresentative, open_represented
from services.identity.people.models import ProvidedPersonRules
from services.identity.relations.api.people import EVIDENCE_PROBLEMS, INS_PROBLEMS, require_administrator
from services.identity.relations.domain.representation import RepresentationUnprovenError
from services.identity.relations.models.people import RepresentationView
from shared.http.app import AuthenticatedCaller
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["people of a record"])


@router.post(
    "/records/represented",
    operation_id="openRepresentedRecord",
    summary="Open the record of a represented person",
    status_code=201,
    responses={
        200: {"model": RepresentationView, "description": "The record was open; the representation was added"},
        **problems(
            _401="session-over",
            _403="representation-unproven, forbidden",
            _409="identity-not-qualified, traits-differ, record-closed, holder-deceased, representation-exists",
            _422=f"{INS_PROBLEMS}, traits-invalid, {EVIDENCE_PROBLEMS}",
            _429="too-many-tries",
        ),
    },
)
async def post_represented(
    body: RepresentedBody,
    response: Response,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
    persons: ProvidedPersonRules,
) -> RepresentationView:
    """Opens the record of a represented person.

    A signed-in representative opens the record of a minor with the card on which the minor is insured (`card_serial`).
    An administrator with the scope records.open states the representative (`by`) of a minor or a protected adult. The
    first representative is in force at once; a second one waits for an administrator or the first one. A first
    representative whom the insured register does not name as the owner of the card also waits, and no record is opened
    for such a caller. The contact on file and the other representatives are notified.
    """
    opener: ByRepresentative | ByAdministrator
    if caller.kind == "patient":
        own_id, session_id = holder(caller)
        if body.card_serial is None or body.by is not None:
            raise RepresentationUnprovenError
        opener = ByRepresentative(own_id, body.card_serial, session_id)
    else:
        require_administrator(caller)
        if body.by is None:
            raise RepresentationUnprovenError
        opener = ByAdministrator(caller.actor(), body.by.representative_ins(), body.by.stated())
    async with min_response_time(account_rules.refusal_s):
        admission, is_new = await open_represented(storage, body.person(), opener, test_keys=persons.test_nir_keys)
    response.status_code = 201 if is_new else 200
    response.headers["location"] = f"/records/{admission.representation.record_id}"
    return RepresentationView.of(admission)
