"""Reads the caller from a request, and makes the response headers that state how an answer was permitted."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from shared.crypto.keyring import Keyring
from shared.http.app import verify_caller
from shared.http.dependencies import provided
from shared.http.problems import prefers_french
from shared.http.tokens import Caller
from shared.terminology.access_modes import EMERGENCY_MODES

ACCESS_MODE_HEADER = "x-access-mode"
ACCESS_NOTICES_HEADER = "x-access-marks"
NOT_FROM_THE_DECREE = "not-from-the-decree"
"""A notice: the decree's matrix has no entry for this profession and type; this project's default permits it."""


InsHmac = Annotated[Keyring, Depends(provided(Keyring))]
"""A route's parameter: the keyring of INS fingerprints, shared with identity."""


async def caller_of(request: Request) -> Caller:
    """Returns the caller. Raises NotAuthenticatedError.

    Notes an emergency mode on the request, so that the answer states it, even that of an error.
    """
    caller = await verify_caller(request)
    if caller.mode in EMERGENCY_MODES:
        request.state.access_mode = caller.mode
    return caller


def mode_of(request: Request) -> str | None:
    """Returns the emergency mode of the request, None if it has none."""
    mode: str | None = getattr(request.state, "access_mode", None)
    return mode


def is_french(request: Request) -> bool:
    """Returns whether the caller prefers French to English."""
    return prefers_french(request.headers.get("accept-language", ""))


def access_headers(request: Request, notices: Iterable[str] = ()) -> dict[str, str]:
    """Returns the headers that state the emergency mode of the answer and its notices."""
    headers = {} if (mode := mode_of(request)) is None else {ACCESS_MODE_HEADER: mode}
    if shown := [notice for notice in notices if notice == NOT_FROM_THE_DECREE]:
        headers[ACCESS_NOTICES_HEADER] = ",".join(shown)
    return headers
