"""Checks the Content-Type of requests, and limits how many large bodies are processed at a time."""

import asyncio
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from shared.http.dependencies import provided
from shared.http.negotiation import FORM, JSON_PATCH, MediaTypeError

LARGE = 1_000_000
LARGE_AT_ONCE = 4
_JSON = frozenset({"application/fhir+json", "application/json"})
_BYTES = "application/octet-stream"
"""What clients state that know no other type of a file."""
_XML = frozenset({"text/xml", "application/xml", _BYTES})
_ZIP = frozenset({"application/zip", "application/x-zip-compressed", _BYTES})


class LargeBodyLimit:
    """A semaphore for large bodies that have arrived: parsing one takes many times its size in memory.

    `body_limit`: the bytes that a body may have, and what an archive contains.
    """

    def __init__(self, body_limit: int) -> None:
        self.body_limit = body_limit
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


def check_xml_type(request: Request) -> None:
    """Checks that Content-Type is XML. Raises MediaTypeError."""
    if _media_type(request) not in _XML:
        raise MediaTypeError("Send the CDA with Content-Type text/xml.")


def check_zip_type(request: Request) -> None:
    """Checks that Content-Type is that of a ZIP archive. Raises MediaTypeError."""
    if _media_type(request) not in _ZIP:
        raise MediaTypeError("Send the XDM archive with Content-Type application/zip.")


def check_json_patch(request: Request) -> None:
    """Checks that Content-Type is JSON Patch. Raises MediaTypeError."""
    if _media_type(request) != JSON_PATCH:
        raise MediaTypeError(f"Send a JSON Patch (RFC 6902) with Content-Type {JSON_PATCH}.")


def check_form(request: Request) -> None:
    """Checks that Content-Type is that of a form. Raises MediaTypeError."""
    if _media_type(request) != FORM:
        raise MediaTypeError(f"Send the search parameters with Content-Type {FORM}.")


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
