"""The page of the people around the holder of a record: representatives, carers, people to call."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Depends, Request, Response

from services.identity.accounts.api.dependencies import ProvidedAccountRules
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.page_errors import field_error
from services.identity.people.domain.contacts import checked_contact
from services.identity.relations.api.carers import ProvidedRelationRules
from services.identity.relations.domain.acts_for_holder import is_permitted
from services.identity.relations.domain.care import CareUnknownError, InvitationInvalidError, InvitedPerson
from services.identity.relations.domain.emergency_contacts import MAX_PEOPLE, PersonToCall, person_to_call
from services.identity.relations.domain.representation import RepresentationUnknownError
from services.identity.relations.usecases.answer_representation import answer_representation
from services.identity.relations.usecases.end_care import end_care
from services.identity.relations.usecases.invite_carer import CarerInvitation, invite_carer
from services.identity.relations.usecases.list_people import list_carers, list_representatives
from services.identity.relations.usecases.put_people_to_call import put_people_to_call
from services.identity.relations.usecases.read_people_to_call import read_people_to_call
from shared.errors import ClientError, SessionOverError
from shared.http.app import AuthenticatedCaller
from shared.runtime import clock
from shared.web.doors import page_router
from shared.web.forms import FieldErrors, Form, read_form
from shared.web.languages import language_of
from shared.web.pages import Page, message_of, pages_of
from shared.web.session import see_other

router = page_router()
PATH: Final = "/dossier/{record_id}/proches"
SHOWN: Final = frozenset({"pending", "accepted"})
_FIELDS: Final = {
    "mail-invalid": ("mail", "people.mail-invalid"),
    "invitation-invalid": ("mail", "people.mail-needed"),
    "people-to-call-invalid": ("name", "people.to-call-invalid"),
}


@dataclass(frozen=True)
class PeopleContext:
    """The database, the person who looks, and the rules of their forms."""

    storage: ProvidedStorage
    caller: AuthenticatedCaller
    accounts: ProvidedAccountRules
    rules: ProvidedRelationRules


ProvidedPeopleContext = Annotated[PeopleContext, Depends()]


@router.get(PATH)
async def get_people(request: Request, record_id: UUID, context: ProvidedPeopleContext) -> Response:
    """Shows the people around the holder, as far as the person who looks may see them."""
    return await _page(request, context, record_id)


@router.post(f"{PATH}/inviter")
async def post_invitation(request: Request, record_id: UUID, context: ProvidedPeopleContext) -> Response:
    """Invites a carer by a mail address."""
    form = await read_form(request)
    try:
        contact = checked_contact(form.text("mail")[:254] or None, language_of(request), "holder")
        if contact.mail is None:
            raise InvitationInvalidError
        invitation = CarerInvitation(InvitedPerson(contact.language, contact.mail), None, context.rules.invitation_life)
        await invite_carer(context.storage, context.accounts.lookups, context.caller, record_id, invitation)
    except ClientError as error:
        return await _again(request, context, record_id, form, error)
    return see_other(_path(record_id))


@router.post(f"{PATH}/aidant")
async def post_end_of_care(request: Request, record_id: UUID, context: ProvidedPeopleContext) -> Response:
    """Ends the help of a carer, or withdraws an invitation."""
    care_id = (await read_form(request)).uuid("care", CareUnknownError)
    await end_care(context.storage, context.caller, record_id, care_id)
    return see_other(_path(record_id))


@router.post(f"{PATH}/representant")
async def post_representation(request: Request, record_id: UUID, context: ProvidedPeopleContext) -> Response:
    """Accepts or refuses another representative, for a representative."""
    form = await read_form(request)
    id = form.uuid("representation", RepresentationUnknownError)
    action = "validate" if form.text("answer") == "validate" else "refuse"
    await answer_representation(context.storage, context.caller, record_id, id, action)  # type: ignore[arg-type]
    return see_other(_path(record_id))


@router.post(f"{PATH}/appeler")
async def post_person_to_call(request: Request, record_id: UUID, context: ProvidedPeopleContext) -> Response:
    """Adds a person to call, or removes one."""
    form = await read_form(request)
    people = list(await read_people_to_call(context.storage, context.caller, record_id))
    try:
        if form.text("remove"):
            people = [
                person for person in people if f"{person.role} {person.phone} {person.name}" != form.text("remove")
            ]
        else:
            people.append(
                person_to_call(form.text("role"), form.text("name"), form.text("phone"), form.text("relation"))
            )
        await put_people_to_call(context.storage, context.caller, record_id, people)
    except ClientError as error:
        return await _again(request, context, record_id, form, error)
    return see_other(f"{_path(record_id)}#appeler")


def _mark(person: PersonToCall) -> str:
    """Returns what names a person of the list in its form."""
    return f"{person.role} {person.phone} {person.name}"


def _path(record_id: UUID) -> str:
    return PATH.format(record_id=record_id)


async def _again(request: Request, context: PeopleContext, record_id: UUID, form: Form, error: ClientError) -> Page:
    """Returns the page with the error beside its field, or above the forms. Raises errors that no form mends."""
    if isinstance(error, SessionOverError) or error.status not in (409, 422, 429):
        raise error
    errors = field_error(error, _FIELDS)
    problem = "" if errors else message_of(request, error)
    words = {"errors": errors or FieldErrors(), "problem": problem, "form": form}
    return await _page(request, context, record_id, status=error.status, **words)


async def _page(request: Request, context: PeopleContext, record_id: UUID, *, status: int = 200, **values: Any) -> Page:
    storage, caller = context.storage, context.caller
    people = await read_people_to_call(storage, caller, record_id)  # also refuses who has no relation
    may_change = is_permitted("carer" if caller.kind == "carer" else "holder", "invite-carer")
    now = clock.now()
    carers = await list_carers(storage, caller, record_id) if may_change else []
    words = {
        "errors": FieldErrors(),
        "problem": "",
        "form": Form(),
        "record_id": record_id,
        "caller_kind": caller.kind,
        "people": people,
        "has_room": len(people) < MAX_PEOPLE,
        "may_change": may_change,
        "representatives": await list_representatives(storage, caller, record_id) if may_change else [],
        "carers": [(named, named.care.status_at(now)) for named in carers if named.care.status_at(now) in SHOWN],
    }
    return pages_of(request).page(request, "relations/people.html", status=status, **(words | values))
