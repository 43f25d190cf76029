"""What the routes find on the app: the composition root puts it there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import Request

from services.records.domain.facts import EMERGENCIES
from services.records.domain.parameters import Parameters
from services.records.store.matrices import Matrices
from services.records.usecases.desk import Desk
from shared.crypto.keyring import Keyring
from shared.crypto.vault import Vault
from shared.db.pool import Pool
from shared.errors import NotAuthenticatedError
from shared.http.tokens import Caller

ACCESS_MODE = "x-access-mode"
ACCESS_MARKS = "x-access-marks"
NOT_FROM_THE_DECREE = "not-from-the-decree"
"""A mark: the matrix of the decree says nothing of this profession and type; this project's default opens it."""


@dataclass(frozen=True)
class Parts:
    """The keys, how old a copy may be, and national parameters."""

    ins_hmac: Keyring
    vault: Vault
    copy_limit: timedelta
    parameters: Parameters
    matrices: Matrices = field(default_factory=Matrices)


def parts_of(request: Request) -> Parts:
    """The parts."""
    parts: Parts = request.app.state.parts
    return parts


def pool_of(request: Request) -> Pool:
    """The pool."""
    pool: Pool = request.app.state.pool
    return pool


def desk_of(request: Request) -> Desk:
    """What reading needs."""
    parts = parts_of(request)
    return Desk(pool_of(request), parts.vault, parts.matrices, parts.copy_limit, parts.parameters)


async def caller_of(request: Request) -> Caller:
    """Who asks. From here on each answer to a request in an emergency mode says so. Raises NotAuthenticatedError."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticatedError
    caller: Caller = await request.app.state.verifier.verify(token)
    if caller.mode in EMERGENCIES:
        request.state.access_mode = caller.mode
    return caller


def mode_of(request: Request) -> str | None:
    """The emergency mode in which this is asked, if it is."""
    mode: str | None = getattr(request.state, "access_mode", None)
    return mode


def flagged(request: Request, notices: Iterable[str] = ()) -> dict[str, str]:
    """The headers of an answer that say in which emergency mode it was given, and what goes beside it."""
    headers = {} if (mode := mode_of(request)) is None else {ACCESS_MODE: mode}
    if told := [one for one in notices if one == NOT_FROM_THE_DECREE]:
        headers[ACCESS_MARKS] = ",".join(told)
    return headers
