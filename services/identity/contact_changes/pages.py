"""The pages of the account: what is on file, and changing the mail address or the mobile number."""

from typing import Annotated, Final, Literal
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request, Response

from services.identity.accounts.api.dependencies import Holder, ProvidedAccountRules, holder
from services.identity.accounts.domain.codes import CodeOverError
from services.identity.accounts.usecases.read_account import read_account
from services.identity.contact_changes.usecases.finish_contact_change import ContactChangeCodes, finish_contact_change
from services.identity.contact_changes.usecases.start_contact_change import start_contact_change
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.page_errors import form_again, form_page
from shared.errors import ClientError
from shared.human_text import compact_code
from shared.web.doors import page_router
from shared.web.forms import Form, read_form
from shared.web.pages import pages_of
from shared.web.session import see_other

router = page_router()
CONTACT: Final = "/compte/contact"
_FIELDS: Final = {
    "mail-invalid": ("mail", "contact.mail-invalid"),
    "mobile-invalid": ("mobile", "contact.mobile-invalid"),
    "code-wrong": ("new-code", "contact.code-wrong"),
}
_DONE: Final = frozenset({"mot-de-passe", "codes", "application", "contact"})


@router.get("/compte")
async def get_account(
    request: Request,
    signed_in: Holder,
    storage: ProvidedStorage,
    fait: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Shows the account, and what was just changed."""
    account = await read_account(storage, signed_in)
    done = fait if fait in _DONE else ""
    return pages_of(request).page(request, "contact_changes/account.html", account=account, done=done)


@router.get(CONTACT, dependencies=[Depends(holder)])
async def get_contact(
    request: Request, field: Annotated[Literal["mail", "mobile"], Query(alias="type")] = "mail"
) -> Response:
    """Asks for the new mail address or mobile number."""
    return form_page(request, "contact_changes/contact.html", field=field)


@router.post(CONTACT)
async def post_contact(
    request: Request, signed_in: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> Response:
    """Sends one code to the contact on file and another to the new one."""
    form = await read_form(request)
    field = "mobile" if form.text("type") == "mobile" else "mail"
    value = form.text(field)[:254]
    mail, mobile = (value, None) if field == "mail" else (None, value)
    try:
        challenge_id = await start_contact_change(storage, rules, signed_in, mail, mobile)
    except ClientError as error:
        return form_again(request, "contact_changes/contact.html", error, _FIELDS, form, field=field)
    return see_other(f"{CONTACT}/codes?{urlencode({'challenge': str(challenge_id)})}")


@router.get(f"{CONTACT}/codes", dependencies=[Depends(holder)])
async def get_both_codes(request: Request, challenge: UUID) -> Response:
    """Asks for both codes."""
    return form_page(request, "contact_changes/codes.html", form=Form((("challenge", str(challenge)),)))


@router.post(f"{CONTACT}/codes")
async def post_both_codes(
    request: Request, signed_in: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> Response:
    """Changes the contact."""
    form = await read_form(request)
    challenge_id = form.uuid("challenge", CodeOverError)
    old_code, new_code = (compact_code(form.text(name)[:100]) for name in ("old-code", "new-code"))
    try:
        await finish_contact_change(storage, rules, signed_in, ContactChangeCodes(challenge_id, old_code, new_code))
    except ClientError as error:
        return form_again(request, "contact_changes/codes.html", error, _FIELDS, form)
    return see_other("/compte?fait=contact")
