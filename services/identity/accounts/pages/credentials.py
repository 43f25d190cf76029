"""The pages of the password, of an authenticator application, and of codes on paper."""

from typing import Final, cast

import segno
from fastapi import Depends, Request, Response

from services.identity.accounts.api.dependencies import Holder, ProvidedAccountRules, holder
from services.identity.accounts.domain.accounts import SecondFactor
from services.identity.accounts.domain.codes import CodeOverError
from services.identity.accounts.usecases.change_password import change_password
from services.identity.accounts.usecases.change_second_factor import change_second_factor
from services.identity.accounts.usecases.finish_totp import finish_totp
from services.identity.accounts.usecases.print_paper_codes import print_paper_codes
from services.identity.accounts.usecases.read_account import read_account
from services.identity.accounts.usecases.start_totp import start_totp
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.page_errors import form_again, form_page, typed
from shared.errors import ClientError
from shared.human_text import compact_code
from shared.web.doors import page_router
from shared.web.forms import read_form
from shared.web.session import see_other

router = page_router()
PASSWORD: Final = "/compte/mot-de-passe"  # noqa: S105 - a path
CODES: Final = "/compte/codes"
APPLICATION: Final = "/compte/application"
PAPER: Final = "/compte/papier"
_FIELDS: Final = {
    "password-wrong": ("password", "account.password-wrong"),
    "password-needed": ("password", "account.password-needed"),
    "password-length": ("new-password", "account.password-length"),
    "password-weak": ("new-password", "account.password-weak"),
    "password-personal": ("new-password", "account.password-personal"),
    "code-wrong": ("code", "account.code-wrong"),
}


@router.get(PASSWORD, dependencies=[Depends(holder)])
async def get_password(request: Request) -> Response:
    """Asks for the present and the new password."""
    return form_page(request, "accounts/password.html")


@router.post(PASSWORD)
async def post_password(
    request: Request, signed_in: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> Response:
    """Changes the password; all other sessions end."""
    form = await read_form(request)
    try:
        await change_password(storage, rules, signed_in, typed(form, "password"), typed(form, "new-password"))
    except ClientError as error:
        return form_again(request, "accounts/password.html", error, _FIELDS)
    return see_other("/compte?fait=mot-de-passe")


@router.get(CODES)
async def get_codes(request: Request, signed_in: Holder, storage: ProvidedStorage) -> Response:
    """Shows where the code of a sign-in comes from, and the other ways."""
    return form_page(request, "accounts/codes.html", account=await read_account(storage, signed_in))


@router.post(CODES)
async def post_codes(
    request: Request, signed_in: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> Response:
    """Has codes sent by mail or SMS from now on."""
    form = await read_form(request)
    second_factor = cast(SecondFactor, form.text("by") if form.text("by") in ("mail", "sms") else "mail")
    try:
        await change_second_factor(storage, rules, signed_in, second_factor, typed(form, "password"))
    except ClientError as error:
        return form_again(
            request, "accounts/codes.html", error, _FIELDS, account=await read_account(storage, signed_in)
        )
    return see_other("/compte?fait=codes")


@router.get(APPLICATION, dependencies=[Depends(holder)])
async def get_application(request: Request) -> Response:
    """Says what an authenticator application is, and asks for the password."""
    return form_page(request, "accounts/application.html", enrolment=None)


@router.post(APPLICATION)
async def post_application(
    request: Request, signed_in: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> Response:
    """Shows the secret as a QR code, and asks for the first code of the application."""
    form = await read_form(request)
    try:
        enrolment = await start_totp(storage, rules, signed_in, typed(form, "password"))
    except ClientError as error:
        return form_again(request, "accounts/application.html", error, _FIELDS, enrolment=None)
    shown = {"challenge": str(enrolment.challenge_id), "secret": enrolment.secret, "uri": enrolment.uri}
    return form_page(request, "accounts/application.html", enrolment=_with_qr(shown))


@router.post(f"{APPLICATION}/code")
async def post_first_code(request: Request, signed_in: Holder, storage: ProvidedStorage) -> Response:
    """Completes the enrolment with the first code of the application."""
    form = await read_form(request)
    shown = {name: form.text(name)[:500] for name in ("challenge", "secret", "uri")}
    try:
        challenge_id = form.uuid("challenge", CodeOverError)
        await finish_totp(storage, signed_in, challenge_id, compact_code(form.text("code")[:100]))
    except ClientError as error:
        return form_again(request, "accounts/application.html", error, _FIELDS, enrolment=_with_qr(shown))
    return see_other("/compte?fait=application")


@router.get(PAPER)
async def get_paper(request: Request, signed_in: Holder, storage: ProvidedStorage) -> Response:
    """Says what codes on paper are, and asks for the password."""
    return form_page(request, "accounts/paper.html", account=await read_account(storage, signed_in), codes=())


@router.post(PAPER)
async def post_paper(
    request: Request, signed_in: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> Response:
    """Shows ten new codes, once."""
    form = await read_form(request)
    try:
        codes = await print_paper_codes(storage, rules, signed_in, typed(form, "password"))
    except ClientError as error:
        return form_again(
            request, "accounts/paper.html", error, _FIELDS, account=await read_account(storage, signed_in), codes=()
        )
    return form_page(request, "accounts/paper.html", account=await read_account(storage, signed_in), codes=codes)


def _with_qr(shown: dict[str, str]) -> dict[str, str]:
    """Returns what the page of an enrolment shows, with its QR code as an image."""
    if not shown["uri"].startswith("otpauth://totp/"):
        raise CodeOverError
    return {**shown, "picture": segno.make(shown["uri"], error="m").svg_data_uri(scale=5, border=4, light="white")}
