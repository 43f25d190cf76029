"""The routes of sign-in with password and code, session refresh, and sign-out (OAuth 2.0; RFC 6749, RFC 9700)."""

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
from services.identity.accounts.models import (
    DeviceView,
    PasswordSignInBody,
    RefreshBody,
    SessionView,
    SignInChallengeView,
    SignInCodeBody,
)
from services.identity.accounts.usecases.finish_sign_in import SignInAnswer, finish_sign_in
from services.identity.accounts.usecases.list_devices import list_devices
from services.identity.accounts.usecases.refresh_session import refresh_session
from services.identity.accounts.usecases.sign_out import sign_out
from services.identity.accounts.usecases.start_sign_in import SignInAttempt, start_sign_in
from services.identity.clients.api.dependencies import ProvidedIssuer
from services.identity.kit.dependencies import ProvidedStorage
from services.identity.kit.problems import problems
from shared.http.app import ServicePool
from shared.http.door import Door

router = APIRouter(route_class=Door, tags=["sessions"])


@router.post(
    "/sign-in",
    operation_id="startSignIn",
    summary="Sign in: give identifier and password",
    dependencies=[NoStore],
    responses=problems(
        _403="credentials-wrong", _409="contact-missing", _429="too-many-tries: Retry-After says how long to wait"
    ),
)
async def post_sign_in(
    body: PasswordSignInBody, request: Request, storage: ProvidedStorage, rules: ProvidedAccountRules
) -> SignInChallengeView:
    """Sends a code, or asks for a code of the authenticator application.

    Response and response time do not depend on whether the identifier exists. Repeated attempts wait longer and longer,
    except on a device that has signed in before.
    """
    attempt = SignInAttempt(body.identifier, body.password, body.device_token, source_of(request))
    async with min_response_time(rules.refusal_s):
        return SignInChallengeView.of(await start_sign_in(storage, rules, attempt))


@router.post(
    "/sign-in/{challenge_id}/code",
    operation_id="finishSignIn",
    summary="Sign in: give the code",
    dependencies=[NoStore],
    responses=problems(_403="code-wrong, code-over: five attempts, ten minutes, one use"),
)
async def post_code(
    challenge_id: UUID,
    body: SignInCodeBody,
    request: Request,
    storage: ProvidedStorage,
    rules: ProvidedAccountRules,
    issuer: ProvidedIssuer,
) -> SessionView:
    """Returns an access token for five minutes and a refresh token.

    A new device also gets a device token, and the holder is notified.
    """
    answer = SignInAnswer(challenge_id, body.code, device_of(request))
    return SessionView.of(await finish_sign_in(storage, rules, issuer, answer))


@router.post(
    "/token/refresh",
    operation_id="refreshSession",
    summary="Continue a session",
    dependencies=[NoStore],
    responses=problems(_401="refresh-token-invalid: sign in again"),
)
async def post_refresh(
    body: RefreshBody, storage: ProvidedStorage, rules: ProvidedAccountRules, issuer: ProvidedIssuer
) -> SessionView:
    """Returns the next access and refresh token.

    A refresh token works once; using it again ends the session, so after a lost response the holder signs in again.
    """
    tokens = await refresh_session(storage, rules, issuer, body.refresh_token)
    return SessionView.of(tokens)


@router.get(
    "/devices",
    operation_id="listDevices",
    summary="List your devices",
    responses=problems(_401="session-over", _403="holder-needed"),
)
async def get_devices(holder: Holder, storage: ProvidedStorage) -> list[DeviceView]:
    """Returns the holder's devices, the last seen first."""
    record_id, session_id = holder
    devices = await list_devices(storage, record_id, session_id)
    return [DeviceView.of(device, session_id) for device in devices]


@router.delete(
    "/devices/{device_id}",
    operation_id="signOutDevice",
    summary="Sign out of one device",
    status_code=204,
    responses=problems(_401="session-over", _403="holder-needed", _404="device-unknown"),
)
async def delete_device(device_id: UUID, holder: Holder, pool: ServicePool) -> None:
    """Ends the session of the device and removes the device.

    Its access token can change nothing any more; it can read until it expires, for at most five minutes.
    """
    await sign_out(pool, *holder, device_id)


@router.delete(
    "/devices",
    operation_id="signOutEverywhere",
    summary="Sign out of all devices",
    status_code=204,
    responses=problems(_401="session-over", _403="holder-needed"),
)
async def delete_devices(holder: Holder, pool: ServicePool) -> None:
    """Signs out of all devices, including this one."""
    await sign_out(pool, *holder, None)
