"""What the routes find on the app: the composition root puts it there."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import Request

from services.records.usecases.deposit_documents import DepositKeys
from shared.crypto import Keyring
from shared.db.pool import Pool
from shared.errors import ForbiddenError, NotAuthenticatedError
from shared.http.tokens import Caller
from shared.vault import Vault


@dataclass(frozen=True)
class Parts:
    """The keys, and how old a copy may be."""

    ins_hmac: Keyring
    vault: Vault
    copy_limit: timedelta

    @property
    def deposit_keys(self) -> DepositKeys:
        """What a deposit needs of them."""
        return DepositKeys(self.ins_hmac, self.vault)


def parts_of(request: Request) -> Parts:
    """The parts."""
    parts: Parts = request.app.state.parts
    return parts


def pool_of(request: Request) -> Pool:
    """The pool."""
    pool: Pool = request.app.state.pool
    return pool


async def caller_of(request: Request) -> Caller:
    """Who asks. Raises NotAuthenticatedError."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticatedError
    caller: Caller = await request.app.state.verifier.verify(token)
    return caller


def depositing_organisation(caller: Caller) -> str:
    """The organisation whose software this is. Raises ForbiddenError."""
    if caller.kind != "software" or caller.organisation_id is None:
        raise ForbiddenError("This is for the software of an organisation: use its client_credentials token.")
    caller.require("documents.deposit")
    return caller.organisation_id
