"""Who the holder is that asks, from where, and answers that take the same time whoever is known here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response

from services.identity.domain.sessions import device_name
from shared.errors import ClientError, ForbiddenError, OverloadedError
from shared.http.admission import idle
from shared.http.app import AuthenticatedCaller


class HolderNeededError(ForbiddenError):
    """This is for the holder of a record: sign in as one."""

    code = "holder-needed"
    french = "Ceci est réservé au titulaire d’un dossier : connectez-vous."


def holder(asking: AuthenticatedCaller) -> tuple[UUID, UUID | None]:
    """Record id and session id of the signed-in holder. Raises HolderNeededError."""
    if asking.kind != "patient" or asking.record_id is None or asking.id != str(asking.record_id):
        raise HolderNeededError
    return asking.record_id, asking.session_id


def no_store(response: Response) -> None:
    """What answers with secrets is kept nowhere on the way (RFC 6749, section 5.1)."""
    response.headers["cache-control"] = "no-store"


Holder = Annotated[tuple[UUID, UUID | None], Depends(holder)]
NoStore = Depends(no_store)


def source_of(request: Request) -> str:
    """The address of origin. Behind a proxy uvicorn takes it from X-Forwarded-For (FORWARDED_ALLOW_IPS)."""
    return request.client.host if request.client else ""


def device_of(request: Request) -> str:
    """The name of the device, of our own words."""
    return device_name(request.headers.get("user-agent", ""))


@asynccontextmanager
async def no_sooner_than(seconds: float, *, also_good_news: bool = False) -> AsyncIterator[None]:
    """Refusals (and, if said so, the rest) are answered at the same time after the question, whatever was looked up.

    What is refused for want of a place to hash was refused before anything was looked up, and is answered at once.
    """
    clock = asyncio.get_running_loop().time
    answered_at = clock() + seconds
    try:
        yield
        if also_good_news:
            with idle():
                await asyncio.sleep(answered_at - clock())
    except OverloadedError:
        raise
    except ClientError:
        with idle():
            await asyncio.sleep(answered_at - clock())
        raise
