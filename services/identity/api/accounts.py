"""Passwords, second factors and contacts of holders."""

from typing import cast
from uuid import UUID

from fastapi import APIRouter, Request

from services.identity.api.context import Context, OurContext, problems
from services.identity.api.holders import Holder, NoStore, device_of, min_response_time, source_of
from services.identity.domain.accounts import SecondFactor
from services.identity.models.accounts import (
    BothCodesBody,
    ChallengeView,
    ChangePasswordBody,
    CodeBody,
    ContactChangeBody,
    EnrolmentView,
    KnownDeviceView,
    NewPasswordBody,
    PasswordBody,
    ResetBody,
    SecondFactorBody,
)
from services.identity.usecases.change_password import change_password
from services.identity.usecases.change_second_factor import change_second_factor
from services.identity.usecases.finish_contact_change import BothCodes, finish_contact_change
from services.identity.usecases.finish_password_reset import Reset, finish_password_reset
from services.identity.usecases.finish_totp import finish_totp
from services.identity.usecases.start_contact_change import start_contact_change
from services.identity.usecases.start_password_reset import start_password_reset
from services.identity.usecases.start_totp import start_totp
from shared.http.app import ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["accounts"])
WEAK = "password-length, password-weak, password-personal"
AGAIN = "holder-needed, password-wrong"


@router.post(
    "/password-resets",
    summary="Forgotten password: ask for a code",
    status_code=202,
    dependencies=[NoStore],
    responses=problems(_429="too-many-tries"),
)
async def post_reset(body: ResetBody, request: Request, pool: ServicePool, context: OurContext) -> ChallengeView:
    """A code goes to the contact on file. The same answer in the same time whether an identifier exists or not."""
    who = body.identifier, body.device_token
    async with min_response_time(context.accounts.refusal_s, also_success=True):
        asked = await start_password_reset(pool, context.accounts, context.keyrings, who, source_of(request))
        return _asked(asked, context)


@router.post(
    "/password-resets/{challenge_id}/password",
    summary="Forgotten password: the code and a new one",
    dependencies=[NoStore],
    responses=problems(_403="code-wrong, code-over", _422=WEAK),
)
async def post_new_password(
    challenge_id: UUID, body: NewPasswordBody, request: Request, pool: ServicePool, context: OurContext
) -> KnownDeviceView:
    """All sessions end. This device is known from now on; sign in on it with the new password and a code."""
    reset = Reset(challenge_id, body.code, body.password, device_of(request))
    async with min_response_time(context.accounts.refusal_s):
        token = await finish_password_reset(pool, context.accounts, context.keyrings, reset)
    return KnownDeviceView(device_token=token)


@router.put(
    "/account/password",
    summary="Another password",
    status_code=204,
    responses=problems(
        _401="session-over",
        _403="holder-needed, password-wrong",
        _409="account-missing",
        _422=WEAK,
        _429="too-many-tries",
    ),
)
async def put_password(body: ChangePasswordBody, holder: Holder, pool: ServicePool, context: OurContext) -> None:
    """With the old one. All other sessions end, and the holder is told."""
    await change_password(pool, context.accounts, context.keyrings, holder, body.password, body.new_password)


@router.post(
    "/account/contact-changes",
    summary="Another mail address or mobile number",
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
    body: ContactChangeBody, holder: Holder, pool: ServicePool, context: OurContext
) -> ChallengeView:
    """One code goes to the contact on file, another to the new place; nothing changes until both are here."""
    asked = await start_contact_change(pool, context.accounts, context.keyrings, holder, body.mail, body.mobile)
    return _asked(asked, context)


@router.post(
    "/account/contact-changes/{challenge_id}/codes",
    summary="Another mail address or mobile number: both codes",
    status_code=204,
    responses=problems(_401="session-over", _403="holder-needed, code-wrong, code-over"),
)
async def post_both_codes(
    challenge_id: UUID, body: BothCodesBody, holder: Holder, pool: ServicePool, context: OurContext
) -> None:
    """Both places are told that the contact has changed. The identifier for signing in stays what it was."""
    codes = BothCodes(challenge_id, body.old_code, body.new_code)
    await finish_contact_change(pool, context.accounts, context.keyrings, holder, codes)


@router.post(
    "/account/totp",
    summary="Codes from an application: its secret",
    status_code=201,
    dependencies=[NoStore],
    responses=problems(_401="session-over", _403=AGAIN, _409="account-missing", _429="too-many-tries"),
)
async def post_totp(body: PasswordBody, holder: Holder, pool: ServicePool, context: OurContext) -> EnrolmentView:
    """With the password. Nothing changes until the application's first code is here."""
    return EnrolmentView.of(await start_totp(pool, context.accounts, context.keyrings, holder, body.password))


@router.post(
    "/account/totp/{challenge_id}/code",
    summary="Codes from an application: the first one",
    status_code=204,
    responses=problems(_401="session-over", _403="holder-needed, code-wrong, code-over"),
)
async def post_first_code(
    challenge_id: UUID, body: CodeBody, holder: Holder, pool: ServicePool, context: OurContext
) -> None:
    """From now on sign-ins ask for a code of the application."""
    await finish_totp(pool, context.keyrings, holder, challenge_id, body.code)


@router.put(
    "/account/second-factor",
    summary="Codes by mail or SMS",
    status_code=204,
    responses=problems(
        _401="session-over",
        _403=AGAIN,
        _409="account-missing, contact-missing",
        _422="second-factor-invalid",
        _429="too-many-tries",
    ),
)
async def put_second_factor(body: SecondFactorBody, holder: Holder, pool: ServicePool, context: OurContext) -> None:
    """With the password. An application's secret is forgotten."""
    wanted = cast(SecondFactor, body.second_factor)
    await change_second_factor(pool, context.accounts, context.keyrings, holder, wanted, body.password)


def _asked(challenge_id: UUID, context: Context) -> ChallengeView:
    seconds = int(context.accounts.code_lifetime.total_seconds())
    return ChallengeView(challenge_id=challenge_id, expires_in=seconds)
