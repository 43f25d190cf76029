"""The routes of changes of mail address and mobile number."""

from uuid import UUID

from fastapi import APIRouter

from services.identity.accounts.api.dependencies import Holder, ProvidedAccountRules
from services.identity.accounts.models import ChallengeView
from services.identity.contact_changes.models import BothCodesBody, ContactChangeBody
from services.identity.contact_changes.usecases.finish_contact_change import ContactChangeCodes, finish_contact_change
from services.identity.contact_changes.usecases.start_contact_change import start_contact_change
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["accounts"])


@router.post(
    "/account/contact-changes",
    operation_id="startContactChange",
    summary="Change the mail address or mobile number: request codes",
    status_code=202,
    responses=problems(
        _401="session-over",
        _403="holder-needed",
        _409="contact-missing",
        _422="contact-change-invalid, mail-invalid, mobile-invalid",
        _429="too-many-tries",
    ),
)
async def post_contact_change(
    body: ContactChangeBody, holder: Holder, storage: ProvidedStorage, account_rules: ProvidedAccountRules
) -> ChallengeView:
    """Sends one code to the contact on file and another to the new contact. Nothing changes until both are given."""
    challenge_id = await start_contact_change(storage, account_rules, holder, body.mail, body.mobile)
    return ChallengeView.of(challenge_id, account_rules.code_lifetime)


@router.post(
    "/account/contact-changes/{challenge_id}/codes",
    operation_id="finishContactChange",
    summary="Change the mail address or mobile number: give both codes",
    status_code=204,
    responses=problems(_401="session-over", _403="holder-needed, code-wrong, code-over"),
)
async def post_both_codes(
    challenge_id: UUID,
    body: BothCodesBody,
    holder: Holder,
    storage: ProvidedStorage,
    account_rules: ProvidedAccountRules,
) -> None:
    """Changes the contact and notifies the old and the new one. The identifier for signing in does not change."""
    codes = ContactChangeCodes(challenge_id, body.old_code, body.new_code)
    await finish_contact_change(storage, account_rules, holder, codes)
