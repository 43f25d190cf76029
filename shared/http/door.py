"""The door of every route: the token, whether there is room, the size and the text of the body, then its content.

FastAPI parses a body before it asks for any dependency; without this door 20 MB of JSON from nobody would be parsed
before anybody looked for a token.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from shared.errors import NotAuthenticatedError
from shared.http.admission import Load, Place, urgency_for, urgency_of
from shared.http.app import caller as caller_dependency
from shared.http.bodies import SMALL, Buffers, check_text, take_body
from shared.http.tokens import Caller

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
AS_THE_SERVICE: Final = 2**62
"""For `takes`: the service's own limit of all bodies decides."""
QUICK_BODY_S: Final = 0.1
"""So long a body may be in coming and count as work: a burst of deposits counts before their bodies are here."""
_LIMIT: Final = "largest_body"


class Door(APIRoute):
    """A route that lets in only who has a token, where it needs one, and a body of its size."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler behind the door."""
        handle = super().get_route_handler()
        has_token, limit, urgency = needs_token(self), largest_body(self), urgency_of(self)

        async def handle_at_the_door(request: Request) -> Response:
            caller = await _caller(request) if has_token else None
            with load_of(request.app).admit(urgency_for(caller, urgency)) as place:
                if not _has_body(request):
                    return await handle(request)
                client = _source(request) if caller is None else f"{caller.client_id} {caller.id}"
                with buffers_of(request.app).holding(client) as held:
                    with _idle_if_slow(place):
                        body = await take_body(request, limit, held)
                    check_text(body, request.headers.get("content-type", ""))
                    return await handle(_with(request, body))

        return handle_at_the_door


def takes(size: int) -> Callable[[Endpoint], Endpoint]:
    """Says of an endpoint how many bytes of body it takes; without it, it takes SMALL."""

    def marked(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _LIMIT, size)
        return endpoint

    return marked


def largest_body(route: APIRoute) -> int:
    """The bytes of body that a route takes."""
    limit: int = getattr(route.endpoint, _LIMIT, SMALL)
    return limit


def needs_token(route: APIRoute) -> bool:
    """Whether a route asks who calls, through FastAPI or, where it reads the request itself, as its OpenAPI says."""
    return _asks(route.dependant) or bool((route.openapi_extra or {}).get("security"))


def buffers_of(app: FastAPI) -> Buffers:
    """The bodies that this process holds."""
    if not hasattr(app.state, "buffers"):
        app.state.buffers = Buffers()
    buffers: Buffers = app.state.buffers
    return buffers


def load_of(app: FastAPI) -> Load:
    """What this process works on."""
    if not hasattr(app.state, "load"):
        app.state.load = Load()
    load: Load = app.state.load
    return load


@contextmanager
def _idle_if_slow(place: Place) -> Iterator[None]:
    """Around the taking of a body: one that is long in coming does not count while it is awaited."""
    timer = asyncio.get_running_loop().call_later(QUICK_BODY_S, place.leave)
    try:
        yield
    finally:
        timer.cancel()
        place.take()


def _asks(dependant: Dependant) -> bool:
    return dependant.call is caller_dependency or any(_asks(dependency) for dependency in dependant.dependencies)


async def _caller(request: Request) -> Caller:
    """Whose token it is; the verifier remembers it for the endpoint. Raises NotAuthenticatedError."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticatedError
    verified: Caller = await request.app.state.verifier.verify(token)
    return verified


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def _with(request: Request, body: bytes) -> Request:
    """The request, whose body is here already."""
    waiting = [body]

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await request.receive()

    return Request(request.scope, receive)
