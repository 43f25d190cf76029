"""The style and the script of all pages, under names that hold a hash of the content, so that browsers keep them.

While a release rolls out, one replica may name a file of which another has a different version: that one answers with
its own, which browsers then do not keep.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from shared.errors import NotFoundError

_TYPES: Final[Mapping[str, str]] = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
_NAME: Final = re.compile(r"([a-z]+)\.[0-9a-f]{12}\.(css|js)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that all pages use. `url`: its path, with the hash of its content."""

    url: str
    content: bytes
    compressed: bytes
    media_type: str


@cache
def asset(name: str) -> Asset:
    """Returns the file of `static/` with this name."""
    content = (resources.files("shared.web") / "static" / name).read_bytes()
    stem, _, kind = name.partition(".")
    digest = hashlib.sha256(content).hexdigest()[:12]
    return Asset(f"/static/{stem}.{digest}.{kind}", content, gzip.compress(content, 9, mtime=0), _TYPES[kind])


async def serve_asset(request: Request) -> Response:
    """Answers `/static/{name}`. Raises NotFoundError."""
    match = _NAME.fullmatch(request.path_params["name"])
    try:
        if match is None:
            raise NotFoundError
        file = asset(f"{match[1]}.{match[2]}")
    except FileNotFoundError as error:
        raise NotFoundError from error
    is_current = request.url.path == file.url
    headers = {
        "cache-control": "public, max-age=31536000, immutable" if is_current else "no-store",
        "content-type": file.media_type,
        "x-content-type-options": "nosniff",
        "vary": "accept-encoding",
    }
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.compressed, 200, {**headers, "content-encoding": "gzip"})
    return Response(file.content, 200, headers)
