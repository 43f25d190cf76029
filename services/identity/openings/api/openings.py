"""The routes of openings alone or with help, and of account activation."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request, Response

from services.identity.accounts.api.dependencies import NoStore, ProvidedAccountRules, min_response_time, source_of
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.lifecycle.usecases.read_record import read_record
from services.identity.openings.domain.channels import OpeningCaller, assisted_channel
from services.identity.openings.domain.online import CODE_LIFETIME, TermsNotAcceptedError
from services.identity.openings.domain.openings import ConsentNeededError, OpeningRules
from services.identity.openings.models import (
    AccountBody,
    ActivationBody,
    ActivationView,
    AssistedBody,
    AssistedView,
    CompleteBody,
    ContactObjectionBody,
    OnlineBody,
    OpeningCodeBody,
    OpeningRequestView,
    TermsView,
    TicketView,
    checked_ins,
)
from services.identity.openings.usecases.activate_account import ActivationRequest, activate_account
from services.identity.openings.usecases.ask_to_open import ask_to_open
from services.identity.openings.usecases.object_to_contact import object_to_contact
from services.identity.openings.usecases.open_alone import open_alone
from services.identity.openings.usecases.open_assisted import AssistedRequest, open_assisted
from services.identity.openings.usecases.prove_contact import prove_contact
from services.identity.people.models import ProvidedPersonRules, RecordView
from shared.http.app import AuthenticatedCaller, ServicePool
from shared.http.dependencies import provided
from shared.http.door import Door
from shared.http.prefer import seconds_to_wait, wait_for
from shared.http.problems import prefers_french

router = APIRouter(route_class=Door, tags=["openings"])
ProvidedOpeningRules = Annotated[OpeningRules, Depends(provided(OpeningRules))]
Prefer = Annotated[str | None, Header(description="`wait=N`: waits up to N seconds (10 at most) until it is in force")]
WEAK_PROBLEMS = "password-length, password-weak, password-personal"
ACCOUNT_PROBLEMS = f"identifier-invalid, second-factor-invalid, {WEAK_PROBLEMS}, terms-not-accepted"
INS_PROBLEMS = "ins-malformed, ins-system-unknown, ins-key-wrong"
REQUEST_TAKEN_EN = (
    "If this person may open a record alone, a code is on its way, to the contact that their insurance fund has on "
    "file if it has another. Otherwise ask a pharmacist, a doctor or your insurance fund."
)
REQUEST_TAKEN_FR = (
    "Si cette personne peut ouvrir seule un dossier, un code est en route, vers les coordonnées connues de sa caisse "
    "d’assurance maladie si elles diffèrent. Sinon, adressez-vous à un pharmacien, un médecin ou votre caisse."
)


@router.get("/terms", operation_id="getTerms", summary="Read the current terms of use")
async def get_terms(rules: ProvidedOpeningRules) -> TermsView:
    """Returns the version of the terms to state when an account is created."""
    return TermsView(version=rules.terms_version)


@router.post(
    "/openings/online",
    operation_id="requestOpening",
    summary="Open one's own record: request a code",
    status_code=202,
    dependencies=[NoStore],
    responses=problems(_422=f"{INS_PROBLEMS}, contact-needed, mail-invalid, mobile-invalid", _429="too-many-openings"),
)
async def post_online(
    body: OnlineBody,
    request: Request,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
    persons: ProvidedPersonRules,
) -> OpeningRequestView:
    """Accepts a request for a record. Every request gets one response after one fixed time.

    It reveals neither whether the number exists nor whether its holder may open a record alone (adults of the general
    regime and those attached to it, without a record).
    """
    opening_request = body.opening_request(test_keys=persons.test_nir_keys)
    lookups = account_rules.lookups
    opening_id = await ask_to_open(storage, lookups, opening_request, source_of(request))
    french = prefers_french(request.headers.get("accept-language", ""))
    minutes = int(CODE_LIFETIME.total_seconds() // 60)
    return OpeningRequestView(
        opening_id=opening_id, valid_minutes=minutes, detail=REQUEST_TAKEN_FR if french else REQUEST_TAKEN_EN
    )


@router.post(
    "/openings/online/{opening_id}/code",
    operation_id="proveContact",
    summary="Open one's own record: submit the code",
    dependencies=[NoStore],
    responses=problems(_403="opening-code-wrong, opening-over"),
)
async def post_code(
    opening_id: UUID, body: OpeningCodeBody, pool: ServicePool, account_rules: ProvidedAccountRules
) -> TicketView:
    """Exchanges the code for a ticket. A code is valid for two hours and five attempts."""
    async with min_response_time(account_rules.refusal_s):
        ticket = await prove_contact(pool, account_rules.lookups, opening_id, body.code)
    return TicketView(ticket=ticket)


@router.post(
    "/openings/online/{opening_id}/complete",
    operation_id="completeOpening",
    summary="Open one's own record: accept the terms and complete",
    status_code=201,
    responses={
        201: {"model": RecordView, "description": "Opened and in force"},
        202: {"model": RecordView, "description": "Opened, not in force yet"},
        **problems(
            _403="opening-over",
            _409="identifier-taken",
            _422=f"{ACCOUNT_PROBLEMS}, attending-doctor-unknown",
        ),
    },
)
async def post_complete(
    opening_id: UUID,
    body: CompleteBody,
    response: Response,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
    rules: ProvidedOpeningRules,
    prefer: Prefer = None,
) -> RecordView:
    """Accepts the terms, creates the account, names the médecin traitant and opens the record, in one transaction."""
    _check_terms(body, rules)
    account_request = body.account_request(body.attending_doctor_id)
    record_id = await open_alone(storage, account_rules, opening_id, body.ticket, account_request)
    record = await wait_for(
        lambda: read_record(storage.pool, record_id), lambda state: state.is_in_force, seconds_to_wait(prefer)
    )
    response.headers["location"] = f"/records/{record_id}"
    response.status_code = 201 if record.is_in_force else 202
    return RecordView.of(record)


@router.post(
    "/openings/assisted",
    operation_id="openAssistedRecord",
    summary="Open a record with help",
    status_code=201,
    responses={
        200: {"model": AssistedView, "description": "The record existed; a code is sent unless the account is active"},
        **problems(
            _403="assistance-refused",
            _404="insured-unknown",
            _409="representative-needed, identity-not-qualified, unreachable, record-closed, holder-deceased",
            _422=f"{INS_PROBLEMS}, consent-needed, channel-unknown, mail-invalid, mobile-invalid, "
            "attending-doctor-unknown",
            _429="too-many-openings",
        ),
    },
)
async def post_assisted(
    body: AssistedBody,
    response: Response,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
    persons: ProvidedPersonRules,
    rules: ProvidedOpeningRules,
) -> AssistedView:
    """Opens a record with help, for a professional, or for software and agents with the scope records.assist.

    The person is present with their card and has agreed. The code for their account is sent to the contact that their
    insurance fund has on file, never to the helper. Another stated contact comes into force at `contact_from`, unless
    somebody objects; repeat the request then.
    """
    channel = assisted_channel(OpeningCaller(caller.kind, caller.scopes, caller.profession), body.channel)
    if not body.consent_noted:
        raise ConsentNeededError
    ins = checked_ins(body.ins, test_keys=persons.test_nir_keys)
    assisted_request = AssistedRequest(
        ins, body.card_serial, body.parsed_contact(), channel, caller.actor(), body.attending_doctor_id
    )
    outcome = await open_assisted(storage, account_rules.lookups, rules, assisted_request)
    response.headers["location"] = f"/records/{outcome.record_id}"
    response.status_code = 201 if outcome.is_new else 200
    return AssistedView.of(outcome)


@router.post(
    "/contact-objections",
    operation_id="objectToContact",
    summary="Object to a new contact with the code received",
    status_code=204,
    responses=problems(
        _403="objection-code-wrong", _422=f"{INS_PROBLEMS}, activation-code-malformed", _429="too-many-openings"
    ),
)
async def post_contact_objection(
    body: ContactObjectionBody,
    request: Request,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
    persons: ProvidedPersonRules,
) -> None:
    """Objects to a contact that somebody else stated for the person.

    That contact never comes into force; the one on file stays.
    """
    ins, lookups = checked_ins(body.ins, test_keys=persons.test_nir_keys), account_rules.lookups
    async with min_response_time(account_rules.refusal_s):
        await object_to_contact(storage, lookups, ins, body.code, source_of(request))


@router.post(
    "/activations",
    operation_id="activateAccount",
    summary="Activate one's account with the code received",
    status_code=201,
    dependencies=[NoStore],
    responses=problems(
        _403="activation-code-wrong",
        _409="identifier-taken, account-exists",
        _422=f"{INS_PROBLEMS}, activation-code-malformed, {ACCOUNT_PROBLEMS}, mail-invalid, mobile-invalid",
        _429="too-many-openings",
    ),
)
async def post_activation(
    body: ActivationBody,
    request: Request,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
    persons: ProvidedPersonRules,
    rules: ProvidedOpeningRules,
) -> ActivationView:
    """Activates an account. A code can be used once.

    A number without a record gets the response of a wrong code.
    """
    _check_terms(body, rules)
    ins = checked_ins(body.ins, test_keys=persons.test_nir_keys)
    activation = ActivationRequest(ins, body.code, *body.parsed_addresses(), source_of(request))
    async with min_response_time(account_rules.refusal_s):
        record_id = await activate_account(storage, account_rules, activation, body.account_request())
    return ActivationView(record_id=record_id)


def _check_terms(body: AccountBody, rules: OpeningRules) -> None:
    if body.terms_version != rules.terms_version:
        raise TermsNotAcceptedError
