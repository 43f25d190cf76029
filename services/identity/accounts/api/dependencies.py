"""The signed-in holder, the origin of a request, and response times that do not reveal who is known here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Request, Response

from services.identity.accounts.adapters.rules import AccountRules
from services.identity.accounts.domain.sessions import device_name
from shared.errors import ClientError, ForbiddenError, OverloadedError
from shared.http.admission import idle
from shared.http.app import AuthenticatedCaller
from shared.http.dependencies import provided


class HolderNeededError(ForbiddenError):
    """This is for the holder of a record: sign in as one."""

    code = "holder-needed"
    french = "Ceci est réservé à la personne titulaire d’un dossier : connectez-vous à ce titre."


class SignedInHolder(NamedTuple):
    """The record of the signed-in holder who sent the request, and their session."""

    record_id: UUID
    session_id: UUID | None


def holder(caller: AuthenticatedCaller) -> SignedInHolder:
    """Returns the record and the session of the signed-in holder. Raises HolderNeededError."""
    if caller.kind != "patient" or caller.record_id is None or caller.id != str(caller.record_id):
        raise HolderNeededError
    return SignedInHolder(caller.record_id, caller.session_id)


def no_store(response: Response) -> None:
    """Forbids caches to store a response with secrets (RFC 6749, section 5.1)."""
    response.headers["cache-control"] = "no-store"


Holder = Annotated[SignedInHolder, Depends(holder)]
NoStore = Depends(no_store)
ProvidedAccountRules = Annotated[AccountRules, Depends(provided(AccountRules))]


def source_of(request: Request) -> str:
    """Returns the client's network address; behind a trusted proxy the one that the proxy names."""
    return request.client.host if request.client else ""


def device_of(request: Request) -> str:
    """Returns a name for the client's device, chosen from a fixed vocabulary."""
    return device_name(request.headers.get("user-agent", ""))


@asynccontextmanager
async def min_response_time(seconds: float, *, also_success: bool = False) -> AsyncIterator[None]:
    """Delays refusals until a fixed time after the request, whatever was looked up. `also_success`: successes too.

    A refusal because no place to hash is free comes before anything is looked up, and is not delayed.
    """
    clock = asyncio.get_running_loop().time
    answered_at = clock() + seconds
    try:
        yield
        if also_success:
            with idle():
                await asyncio.sleep(answered_at - clock())
    except OverloadedError:
        raise
    except ClientError:
        with idle():
            await asyncio.sleep(answered_at - clock())
        raise
