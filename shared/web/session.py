"""What a page needs of the browser session: the token in its cookies, and whose record the header names.

The cookies hold identity's own access tokens of five minutes, verified as the APIs verify a Bearer token. That of
acting for another person, or of an emergency, goes with the pages of that record alone, by its Path.
"""

import base64
import binascii
import json
import time
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args
from urllib.parse import urlencode
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from shared.web.paths import own_path

ACCESS: Final = "__Host-access"
ACTING: Final = "__Secure-acting"
HOLDER: Final = "__Secure-holder"
CONTINUE: Final = "/session/continue"
RENEW: Final = "/session/renew"
SIGN_IN: Final = "/connexion"
SIGN_OUT: Final = "/session/end"
HALF_LIFE_S: Final = 150
"""A page that is read with less left of its token's five minutes renews it in the background."""
Relation = Literal["self", "child", "ward", "relative", "patient"]
"""For whom the reader acts: themselves, a child, an adult in their charge, a relative cared for, a patient."""
_LONGEST_NAME: Final = 120


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of the record, as the header of a page names them. It is for display: no decision looks at it."""

    name: str
    relation: Relation


def holder_cookie(holder: Holder) -> str:
    """Returns the value of the cookie HOLDER; identity sets it with the Path of the record's pages."""
    text = json.dumps({"name": holder.name, "relation": holder.relation}, ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def holder_of(request: Request) -> Holder | None:
    """Returns whose record the cookie names; None without one that can be read."""
    text = request.cookies.get(HOLDER, "")
    try:
        members: Any = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        name, relation = members["name"], members["relation"]
    except (ValueError, TypeError, KeyError, binascii.Error):
        return None
    if relation not in get_args(Relation) or not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        return None
    return Holder(name, relation)


def token_of(request: Request) -> str | None:
    """Returns the token for this request: that of acting, which comes with its record's pages alone, else the own."""
    return request.cookies.get(ACTING) or request.cookies.get(ACCESS)


def with_token(scope: Scope, token: str | None) -> Scope:
    """Returns the scope with this token of the cookies in place of any Authorization header."""
    others = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
    own = [] if token is None else [(b"authorization", f"Bearer {token}".encode("latin-1", "replace"))]
    return {**scope, "headers": [*others, *own]}


def seconds_left(token: str | None) -> float:
    """Returns for how long a token is still valid by its own claim; 0 for none, and for what is no token."""
    try:
        payload = (token or "").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return max(0.0, float(claims["exp"]) - time.time())
    except (ValueError, TypeError, KeyError, IndexError, binascii.Error):
        return 0.0


def record_of(request: Request) -> UUID | None:
    """Returns the record that the path of a page names."""
    parts = request.url.path.split("/")
    place = {"dossier": 2, "soins": 3}.get(parts[1])
    try:
        return None if place is None else UUID(parts[place])
    except (ValueError, IndexError):
        return None


def request_path(request: Request) -> str:
    """Returns the path of this request with its query."""
    query = request.url.query
    return own_path(f"{request.url.path}?{query}" if query else request.url.path)


def continue_session(request: Request) -> Response:
    """Returns the redirect to identity, which renews the session or asks to sign in, and then leads back."""
    return see_other(f"{CONTINUE}?{urlencode({'to': request_path(request)})}")


def see_other(path: str) -> Response:
    """Returns a redirect to a path of ours, which the browser gets (303)."""
    return RedirectResponse(path, 303, {"cache-control": "no-store"})
