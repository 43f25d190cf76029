"""The page of the invitations to help somebody, which the signed-in person accepts or refuses."""

from typing import Final
from uuid import UUID

from fastapi import Request, Response

from services.identity.accounts.api.dependencies import Holder, ProvidedAccountRules
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.page_errors import field_error
from services.identity.kit.unit_of_work import Storage
from services.identity.relations.domain.care import InvitationUnknownError
from services.identity.relations.usecases.answer_invitation import InvitationAnswer, answer_invitation
from services.identity.relations.usecases.list_people import list_invitations
from shared.errors import ClientError, SessionOverError
from shared.http.app import AuthenticatedCaller
from shared.web.doors import page_router
from shared.web.forms import FieldErrors, Form, read_form
from shared.web.pages import Page, message_of, pages_of
from shared.web.session import see_other

router = page_router()
PATH: Final = "/compte/invitations"
_FIELDS: Final = {
    "activation-code-malformed": ("code", "invitations.code-malformed"),
    "invitation-unknown": ("code", "invitations.code-unknown"),
}


@router.get(PATH)
async def get_invitations(request: Request, signed_in: Holder, storage: ProvidedStorage) -> Response:
    """Shows the invitations that name the person, and asks for the code of another one."""
    return await _page(request, signed_in, storage, Form())


@router.post(PATH)
async def post_answer(
    request: Request,
    caller: AuthenticatedCaller,
    signed_in: Holder,
    storage: ProvidedStorage,
    rules: ProvidedAccountRules,
) -> Response:
    """Accepts or refuses an invitation."""
    form = await read_form(request)
    try:
        care_id = UUID(form.text("care")) if form.text("care") else None
    except ValueError:
        raise InvitationUnknownError from None
    code = None if care_id else form.text("code")[:100]
    answer = InvitationAnswer(signed_in.record_id, form.text("answer") == "accepted", code, care_id)
    try:
        await answer_invitation(storage, rules.lookups, caller, answer)
    except SessionOverError:
        raise
    except ClientError as error:
        errors = field_error(error, _FIELDS) if code is not None else None
        problem = "" if errors else message_of(request, error)
        return await _page(request, signed_in, storage, form, errors=errors, problem=problem, status=error.status)
    return see_other("/")


async def _page(
    request: Request,
    signed_in: Holder,
    storage: Storage,
    form: Form,
    *,
    errors: FieldErrors | None = None,
    problem: str = "",
    status: int = 200,
) -> Page:
    words = {"errors": errors or FieldErrors(), "problem": problem, "form": form}
    invitations = await list_invitations(storage, signed_in)
    return pages_of(request).page(
        request, "relations/invitations.html", status=status, invitations=invitations, **words
    )
