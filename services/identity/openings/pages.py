"""The pages on which a person opens their record alone, in three steps, or activates their account with a code."""

from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Request, Response
from pydantic import ValidationError

from services.identity.accounts.api.dependencies import ProvidedAccountRules, min_response_time, source_of
from services.identity.accounts.domain.accounts import SecondFactor
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.page_errors import form_again, form_page, typed
from services.identity.openings.api.openings import ProvidedOpeningRules
from services.identity.openings.domain.online import OpeningOverError
from services.identity.openings.models import ActivationBody, OnlineBody
from services.identity.openings.usecases.activate_account import ActivationRequest, activate_account
from services.identity.openings.usecases.ask_to_open import ask_to_open
from services.identity.openings.usecases.open_alone import AccountRequest, open_alone
from services.identity.openings.usecases.prove_contact import prove_contact
from services.identity.people.domain.persons import PersonRules
from services.identity.people.models import ProvidedPersonRules
from shared.errors import ClientError
from shared.human_text import compact_code
from shared.terminology.oids import INS_NIR, INS_NIR_TEST
from shared.values import Ins, check_key
from shared.web.doors import page_router
from shared.web.forms import FieldErrors, Form, read_form
from shared.web.languages import language_of
from shared.web.pages import message_of
from shared.web.session import see_other

router = page_router()
OPEN: Final = "/ouvrir"
CONTACT: Final = "/ouvrir/contact"
ACCOUNT: Final = "/ouvrir/compte"
ACTIVATE: Final = "/ouvrir/code"
_FIELDS: Final = {
    "ins-malformed": ("number", "opening.number-wrong"),
    "ins-key-wrong": ("number", "opening.number-wrong"),
    "ins-system-unknown": ("number", "opening.number-wrong"),
    "contact-needed": ("mail", "opening.contact-needed"),
    "mail-invalid": ("mail", "opening.mail-invalid"),
    "mobile-invalid": ("mobile", "opening.mobile-invalid"),
    "opening-code-wrong": ("code", "opening.code-wrong"),
    "activation-code-malformed": ("code", "opening.activation-malformed"),
    "activation-code-wrong": ("code", "opening.activation-wrong"),
    "identifier-invalid": ("identifier", "opening.identifier-invalid"),
    "identifier-taken": ("identifier", "opening.identifier-taken"),
    "second-factor-invalid": ("by", "opening.by-invalid"),
    "password-length": ("password", "opening.password-length"),
    "password-weak": ("password", "opening.password-weak"),
    "password-personal": ("password", "opening.password-personal"),
}


@router.get(OPEN)
async def get_opening(request: Request) -> Response:
    """First step: the number, the card, and where the code goes."""
    return form_page(request, "openings/person.html")


@router.post(OPEN)
async def post_opening(
    request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules, persons: ProvidedPersonRules
) -> Response:
    """Takes the request; the answer is the same for every person."""
    form = await read_form(request)
    try:
        body = OnlineBody.model_validate(
            {
                "ins": _ins(form, persons),
                "card_serial": compact_code(form.text("card")[:100]),
                "mail": form.text("mail")[:200] or None,
                "mobile": form.text("mobile")[:200] or None,
                "language": language_of(request),
            }
        )
    except ValidationError as error:
        return form_page(request, "openings/person.html", form, _invalid(error), status=422)
    try:
        opening = body.opening_request(test_keys=persons.test_nir_keys)
        opening_id = await ask_to_open(storage, rules.lookups, opening, source_of(request))
    except ClientError as error:
        return form_again(request, "openings/person.html", error, _FIELDS, form)
    return see_other(f"{CONTACT}?{urlencode({'opening': str(opening_id)})}")


@router.get(CONTACT)
async def get_contact_code(request: Request, opening: UUID) -> Response:
    """Second step: the code that was sent."""
    return form_page(request, "openings/contact.html", Form((("opening", str(opening)),)))


@router.post(CONTACT)
async def post_contact_code(
    request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules, openings: ProvidedOpeningRules
) -> Response:
    """Exchanges the code for a ticket, and asks for the account."""
    form = await read_form(request)
    opening_id, code = form.uuid("opening", OpeningOverError), compact_code(form.text("code")[:100])
    try:
        async with min_response_time(rules.refusal_s):
            ticket = await prove_contact(storage.pool, rules.lookups, opening_id, code)
    except OpeningOverError as error:
        return form_page(request, "openings/person.html", problem=message_of(request, error), status=error.status)
    except ClientError as error:
        return form_again(request, "openings/contact.html", error, _FIELDS, form)
    fields = (("opening", str(opening_id)), ("ticket", ticket))
    return form_page(request, "openings/account.html", Form(fields), terms=openings.terms_version)


@router.post(ACCOUNT)
async def post_account(
    request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules, openings: ProvidedOpeningRules
) -> Response:
    """Third step: opens the record with the account that the person chose."""
    form = await read_form(request)
    opening_id, chosen, errors = (
        form.uuid("opening", OpeningOverError),
        _account(form, openings.terms_version),
        _account_errors(form),
    )
    if errors:
        return form_page(request, "openings/account.html", form, errors, status=422, terms=openings.terms_version)
    try:
        await open_alone(storage, rules, opening_id, form.text("ticket")[:100], chosen)
    except OpeningOverError as error:
        return form_page(request, "openings/person.html", problem=message_of(request, error), status=error.status)
    except ClientError as error:
        return form_again(request, "openings/account.html", error, _FIELDS, form, terms=openings.terms_version)
    return form_page(request, "openings/done.html")


@router.get(ACTIVATE)
async def get_activation(request: Request, openings: ProvidedOpeningRules) -> Response:
    """Asks for the number, the code received, and the account."""
    return form_page(request, "openings/activation.html", terms=openings.terms_version)


@router.post(ACTIVATE)
async def post_activation(
    request: Request,
    storage: ProvidedStorage,
    rules: ProvidedAccountRules,
    persons: ProvidedPersonRules,
    openings: ProvidedOpeningRules,
) -> Response:
    """Activates the account. A number without a record is answered as a wrong code is."""
    form = await read_form(request)
    if errors := _account_errors(form):
        return form_page(request, "openings/activation.html", form, errors, status=422, terms=openings.terms_version)
    chosen = _account(form, openings.terms_version)
    try:
        stated = _ins(form, persons)
        ins = Ins.parse(stated["value"], stated["oid"])
        check_key(ins, lenient_test_oids=persons.test_nir_keys)
        mail, mobile = ActivationBody.addresses_in(form.text("mail")[:200], form.text("mobile")[:200])
        activation = ActivationRequest(ins, form.text("code")[:100], mail, mobile, source_of(request))
        async with min_response_time(rules.refusal_s):
            await activate_account(storage, rules, activation, chosen)
    except ClientError as error:
        return form_again(request, "openings/activation.html", error, _FIELDS, form, terms=openings.terms_version)
    return form_page(request, "openings/done.html")


def _ins(form: Form, persons: PersonRules) -> dict[str, str]:
    """Returns the number that was typed; in a demonstration it is one of the test numbers."""
    oid = INS_NIR_TEST if persons.test_nir_keys else INS_NIR
    return {"value": compact_code(form.text("number")[:100]).upper() or "0", "oid": oid}


def _account(form: Form, terms_version: str) -> AccountRequest:
    by: SecondFactor = "sms" if form.text("by") == "sms" else "mail"
    identifier = form.text("identifier")[:254]
    return AccountRequest(identifier, typed(form, "password"), by, terms_version)


def _account_errors(form: Form) -> FieldErrors:
    """Returns what of an account is missing."""
    errors = FieldErrors()
    if not form.text("identifier"):
        errors.add("identifier", "opening.identifier-invalid")
    if not typed(form, "password"):
        errors.add("password", "opening.password-length")
    if not form.is_checked("terms"):
        errors.add("terms", "opening.terms-needed")
    return errors


def _invalid(error: ValidationError) -> FieldErrors:
    """Returns the fields of the first step that have not their form."""
    errors = FieldErrors()
    for item in error.errors():
        match item["loc"][0]:
            case "ins":
                errors.add("number", "opening.number-wrong")
            case "card_serial":
                errors.add("card", "opening.card-wrong")
            case _:
                errors.add("mail", "opening.contact-needed")
    return errors
