"""The routes of carers and their invitations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.identity.accounts.api.dependencies import Holder, ProvidedAccountRules
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from services.identity.relations.domain.care import RelationRules
from services.identity.relations.models.carers import (
    CarerView,
    CareView,
    InvitationAnswerBody,
    InvitationBody,
    InvitationView,
    MyInvitationView,
)
from services.identity.relations.usecases.answer_invitation import answer_invitation
from services.identity.relations.usecases.end_care import end_care
from services.identity.relations.usecases.invite_carer import invite_carer
from services.identity.relations.usecases.list_people import list_carers, list_invitations
from shared.http.app import AuthenticatedCaller
from shared.http.dependencies import provided
from shared.http.door import Door
from shared.runtime import clock

router = APIRouter(route_class=Door, tags=["carers"])
ProvidedRelationRules = Annotated[RelationRules, Depends(provided(RelationRules))]


@router.post(
    "/records/{record_id}/invitations",
    operation_id="inviteCarer",
    summary="Invite a carer",
    status_code=201,
    responses=problems(
        _401="session-over",
        _403="relation-insufficient",
        _404="record-unknown",
        _409="carers-many",
        _422="invitation-invalid, carer-self, mail-invalid, language-unknown, ins-malformed, ins-system-unknown",
        _429="too-many-tries",
    ),
)
async def post_invitation(
    record_id: UUID,
    body: InvitationBody,
    caller: AuthenticatedCaller,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
    rules: ProvidedRelationRules,
) -> InvitationView:
    """Invites a carer, for the holder and representatives.

    The code is sent to the stated mail address, else to the contact on file of the named person. The response does not
    depend on whether such a person is known here.
    """
    invitation = body.invitation(rules.invitation_life)
    lookups = account_rules.lookups
    return InvitationView.of(await invite_carer(storage, lookups, caller, record_id, invitation))


@router.get(
    "/records/{record_id}/carers",
    operation_id="listCarers",
    summary="List carers and invitations",
    responses=problems(_401="session-over", _403="relation-insufficient", _404="record-unknown"),
)
async def get_carers(record_id: UUID, caller: AuthenticatedCaller, storage: ProvidedStorage) -> list[CarerView]:
    """Lists the carers and invitations of a record, for the holder and representatives."""
    now = clock.now()
    return [CarerView.of(named_care, now) for named_care in await list_carers(storage, caller, record_id)]


@router.delete(
    "/records/{record_id}/carers/{care_id}",
    operation_id="endCare",
    summary="End a care relation, or withdraw an invitation",
    responses=problems(_401="session-over", _403="relation-insufficient", _404="record-unknown, care-unknown"),
)
async def delete_carer(
    record_id: UUID, care_id: UUID, caller: AuthenticatedCaller, storage: ProvidedStorage
) -> CareView:
    """Ends the care or withdraws the invitation, for the holder, representatives, and the carer concerned."""
    return CareView.of(await end_care(storage, caller, record_id, care_id))


@router.get(
    "/invitations",
    operation_id="listInvitations",
    summary="List the invitations that name the caller",
    responses=problems(_401="session-over", _403="holder-needed"),
)
async def get_invitations(holder: Holder, storage: ProvidedStorage) -> list[MyInvitationView]:
    """Lists the invitations that name the caller, who can answer them without the code."""
    return [MyInvitationView.of(named_care) for named_care in await list_invitations(storage, holder)]


@router.post(
    "/invitations/answer",
    operation_id="answerInvitation",
    summary="Accept or refuse an invitation",
    responses=problems(
        _401="session-over",
        _403="holder-needed",
        _404="invitation-unknown",
        _409="invitation-over, care-exists",
        _422="activation-code-malformed, invitation-invalid",
        _429="too-many-tries",
    ),
)
async def post_answer(
    body: InvitationAnswerBody,
    caller: AuthenticatedCaller,
    holder: Holder,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
) -> CareView:
    """Accepts or refuses an invitation, for the invited person, signed in with their own account.

    Give the code, or the id of an invitation that names the caller. Number, names and birth date must match those given
    by the holder.
    """
    answer = body.invitation_answer(holder.record_id)
    lookups = account_rules.lookups
    return CareView.of(await answer_invitation(storage, lookups, caller, answer))
