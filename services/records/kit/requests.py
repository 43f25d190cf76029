"""The context that the composition root puts on the app, and what routes take from it and from the request."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import Request

from services.records.copies.store.matrices import MatrixCache
from services.records.facts.context import ReadContext
from services.records.facts.domain.facts import EMERGENCIES
from services.records.facts.domain.rules import Parameters
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import Pool
from shared.errors import NotAuthenticatedError
from shared.http.tokens import Caller

ACCESS_MODE_HEADER = "x-access-mode"
ACCESS_NOTICES_HEADER = "x-access-marks"
NOT_FROM_THE_DECREE = "not-from-the-decree"
"""A notice: the decree's matrix has no entry for this profession and type; this project's default permits it."""


@dataclass(frozen=True)
class AppContext:
    """The keys, the largest age of a copy, the national parameters and the matrices of the app."""

    ins_hmac: Keyring
    vault: Vault
    max_copy_age: timedelta
    parameters: Parameters
    matrices: MatrixCache = field(default_factory=MatrixCache)


def app_context_of(request: Request) -> AppContext:
    """Returns the app's context."""
    app_context: AppContext = request.app.state.context
    return app_context


def pool_of(request: Request) -> Pool:
    """Returns the app's connection pool."""
    pool: Pool = request.app.state.pool
    return pool


def read_context_of(request: Request) -> ReadContext:
    """Returns the context for use cases that read."""
    app_context = app_context_of(request)
    return ReadContext(
        pool_of(request), app_context.vault, app_context.matrices, app_context.max_copy_age, app_context.parameters
    )


async def caller_of(request: Request) -> Caller:
    """Returns the caller. Raises NotAuthenticatedError.

    Notes an emergency mode on the request, so that the answer states it, even that of an error.
    """
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticatedError
    caller: Caller = await request.app.state.verifier.verify(token)
    if caller.mode in EMERGENCIES:
        request.state.access_mode = caller.mode
    return caller


def mode_of(request: Request) -> str | None:
    """Returns the emergency mode of the request, None if it has none."""
    mode: str | None = getattr(request.state, "access_mode", None)
    return mode


def access_headers(request: Request, notices: Iterable[str] = ()) -> dict[str, str]:
    """Returns the headers that state the emergency mode of the answer and its notices."""
    headers = {} if (mode := mode_of(request)) is None else {ACCESS_MODE_HEADER: mode}
    if shown := [notice for notice in notices if notice == NOT_FROM_THE_DECREE]:
        headers[ACCESS_NOTICES_HEADER] = ",".join(shown)
    return headers
