"""Bodies of requests, with bounded memory: of large ones only a few are taken at a time."""

import asyncio
from typing import ClassVar

from starlette.requests import ClientDisconnect, Request

from shared.errors import ClientError, UnsupportedEncodingError

LARGE = 1_000_000
LARGE_AT_ONCE = 4
LONGEST_UPLOAD_S = 60.0
_JSON = frozenset({"application/fhir+json", "application/json"})
_JSON_PATCH = "application/json-patch+json"
_FORM = "application/x-www-form-urlencoded"


class UploadTooSlowError(ClientError):
    """The body did not arrive in time. Send it again over a faster line, or in smaller parts."""

    code = "upload-too-slow"
    french = "Le contenu n’est pas arrivé à temps. Renvoyez-le par une ligne plus rapide, ou en plusieurs fois."
    status: ClassVar[int] = 408


class BodyCutError(ClientError):
    """The body ended before it was complete. Send it again."""

    code = "body-cut"
    french = "Le contenu s’est interrompu avant la fin. Renvoyez-le."


class MediaTypeError(UnsupportedEncodingError):
    """Send FHIR as JSON in UTF-8, with Content-Type application/fhir+json."""

    code = "media-type-unsupported"
    french = "Envoyez du FHIR en JSON et en UTF-8, avec Content-Type application/fhir+json."


class LargeBodies:
    """Lets a few large bodies in at once; small ones pass."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __aenter__(self) -> None:
        await self._places.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._places.release()


def check_json(request: Request) -> None:
    """Raises MediaTypeError when the body is said to be something else."""
    if _media_type(request) not in _JSON:
        raise MediaTypeError


def check_json_patch(request: Request) -> None:
    """The same for a patch."""
    if _media_type(request) != _JSON_PATCH:
        raise MediaTypeError(f"Send a JSON Patch (RFC 6902) with Content-Type {_JSON_PATCH}.")


def check_form(request: Request) -> None:
    """The same for a search."""
    if _media_type(request) != _FORM:
        raise MediaTypeError(f"Send the search parameters with Content-Type {_FORM}.")


async def body_of(request: Request) -> bytes:
    """The whole body. Raises UploadTooSlowError, BodyCutError."""
    try:
        async with asyncio.timeout(LONGEST_UPLOAD_S):
            return await request.body()
    except TimeoutError as error:
        raise UploadTooSlowError from error
    except ClientDisconnect as error:
        raise BodyCutError from error


def is_large(request: Request) -> bool:
    """Whether the body is large, or may be."""
    length = request.headers.get("content-length", "")
    return not length.isdigit() or int(length) > LARGE


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
