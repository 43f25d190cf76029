"""The routes of passwords and second factors of record holders."""

from typing import cast
from uuid import UUID

from fastapi import APIRouter, Request

from services.identity.accounts.api.dependencies import (
    Holder,
    NoStore,
    ProvidedAccountRules,
    device_of,
    min_response_time,
    source_of,
)
from services.identity.accounts.domain.accounts import SecondFactor
from services.identity.accounts.models import (
    ChallengeView,
    ChangePasswordBody,
    CodeBody,
    EnrolmentView,
    KnownDeviceView,
    NewPasswordBody,
    PaperCodesView,
    PasswordBody,
    PasswordResetBody,
    SecondFactorBody,
)
from services.identity.accounts.usecases.change_password import change_password
from services.identity.accounts.usecases.change_second_factor import change_second_factor
from services.identity.accounts.usecases.finish_password_reset import PasswordReset, finish_password_reset
from services.identity.accounts.usecases.finish_totp import finish_totp
from services.identity.accounts.usecases.print_paper_codes import print_paper_codes
from services.identity.accounts.usecases.start_password_reset import start_password_reset
from services.identity.accounts.usecases.start_totp import start_totp
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["accounts"])
WEAK = "password-length, password-weak, password-personal"
CONFIRMED = "holder-needed, password-wrong"


@router.post(
    "/password-resets",
    operation_id="startPasswordReset",
    summary="Reset a password: request a code",
    status_code=202,
    dependencies=[NoStore],
    responses=problems(_429="too-many-tries"),
)
async def post_reset(
    body: PasswordResetBody, request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> ChallengeView:
    """Sends a code to the contact on file.

    Response and response time do not depend on whether the identifier exists.
    """
    credentials = body.identifier, body.device_token
    async with min_response_time(rules.refusal_s, also_success=True):
        challenge_id = await start_password_reset(storage, rules, credentials, source_of(request))
        return ChallengeView.of(challenge_id, rules.code_lifetime)


@router.post(
    "/password-resets/{challenge_id}/password",
    operation_id="finishPasswordReset",
    summary="Reset a password: give the code and a new password",
    dependencies=[NoStore],
    responses=problems(_403="code-wrong, code-over", _422=WEAK),
)
async def post_new_password(
    challenge_id: UUID,
    body: NewPasswordBody,
    request: Request,
    storage: ProvidedStorage,
    rules: ProvidedAccountRules,
) -> KnownDeviceView:
    """Sets the password and ends all sessions.

    This device becomes a known one; sign in on it with the new password and a code.
    """
    reset = PasswordReset(challenge_id, body.code, body.password, device_of(request))
    async with min_response_time(rules.refusal_s):
        token = await finish_password_reset(storage, rules, reset)
    return KnownDeviceView(device_token=token)


@router.put(
    "/account/password",
    operation_id="changePassword",
    summary="Change the password",
    status_code=204,
    responses=problems(
        _401="session-over",
        _403="holder-needed, password-wrong",
        _409="account-missing",
        _422=WEAK,
        _429="too-many-tries",
    ),
)
async def put_password(
    body: ChangePasswordBody, holder: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> None:
    """Changes the password, given the old one. All other sessions end, and the holder is notified."""
    await change_password(storage, rules, holder, body.password, body.new_password)


@router.post(
    "/account/totp",
    operation_id="startTotp",
    summary="Enrol an authenticator application: get its secret",
    status_code=201,
    dependencies=[NoStore],
    responses=problems(_401="session-over", _403=CONFIRMED, _409="account-missing", _429="too-many-tries"),
)
async def post_totp(
    body: PasswordBody, holder: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> EnrolmentView:
    """Starts the enrolment of an authenticator application, given the password.

    Nothing changes until the first code of the application is given.
    """
    return EnrolmentView.of(await start_totp(storage, rules, holder, body.password))


@router.post(
    "/account/totp/{challenge_id}/code",
    operation_id="finishTotp",
    summary="Enrol an authenticator application: give its first code",
    status_code=204,
    responses=problems(_401="session-over", _403="holder-needed, code-wrong, code-over"),
)
async def post_first_code(challenge_id: UUID, body: CodeBody, holder: Holder, storage: ProvidedStorage) -> None:
    """Completes the enrolment. Every later sign-in needs a code of the application."""
    await finish_totp(storage, holder, challenge_id, body.code)


@router.put(
    "/account/second-factor",
    operation_id="changeSecondFactor",
    summary="Receive codes by mail or SMS",
    status_code=204,
    responses=problems(
        _401="session-over",
        _403=CONFIRMED,
        _409="account-missing, contact-missing",
        _422="second-factor-invalid",
        _429="too-many-tries",
    ),
)
async def put_second_factor(
    body: SecondFactorBody, holder: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> None:
    """Changes the second factor, given the password. Deletes the secret of an enrolled application."""
    second_factor = cast(SecondFactor, body.second_factor)
    await change_second_factor(storage, rules, holder, second_factor, body.password)


@router.post(
    "/account/paper-codes",
    operation_id="printPaperCodes",
    summary="Make ten single-use codes to print",
    status_code=201,
    dependencies=[NoStore],
    responses=problems(_401="session-over", _403=CONFIRMED, _409="account-missing", _429="too-many-tries"),
)
async def post_paper_codes(
    body: PasswordBody, holder: Holder, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> PaperCodesView:
    """Returns ten codes, given the password; each answers one sign-in in place of a sent code.

    They are shown once. Codes that were made before work no more.
    """
    return PaperCodesView(codes=list(await print_paper_codes(storage, rules, holder, body.password)))
