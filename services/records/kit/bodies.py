"""Checks the Content-Type of requests, and limits how many large bodies are processed at a time."""

import asyncio
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from shared.errors import UnsupportedEncodingError
from shared.http.dependencies import provided

LARGE = 1_000_000
LARGE_AT_ONCE = 4
_JSON = frozenset({"application/fhir+json", "application/json"})
_JSON_PATCH = "application/json-patch+json"
_FORM = "application/x-www-form-urlencoded"


class MediaTypeError(UnsupportedEncodingError):
    """Send FHIR as JSON in UTF-8, with Content-Type application/fhir+json."""

    code = "media-type-unsupported"
    french = "Envoyez du FHIR en JSON et en UTF-8, avec Content-Type application/fhir+json."


class LargeBodyLimit:
    """A semaphore for large bodies that have arrived: parsing one takes many times its size in memory."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(LARGE_AT_ONCE)

    async def __aenter__(self) -> None:
        await self._places.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._places.release()


InjectedBodyLimit = Annotated[LargeBodyLimit, Depends(provided(LargeBodyLimit))]
"""A route's parameter: the limit of this process."""


def check_json(request: Request) -> None:
    """Checks that Content-Type is JSON. Raises MediaTypeError."""
    if _media_type(request) not in _JSON:
        raise MediaTypeError


def check_json_patch(request: Request) -> None:
    """Checks that Content-Type is JSON Patch. Raises MediaTypeError."""
    if _media_type(request) != _JSON_PATCH:
        raise MediaTypeError(f"Send a JSON Patch (RFC 6902) with Content-Type {_JSON_PATCH}.")


def check_form(request: Request) -> None:
    """Checks that Content-Type is that of a form. Raises MediaTypeError."""
    if _media_type(request) != _FORM:
        raise MediaTypeError(f"Send the search parameters with Content-Type {_FORM}.")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
