"""The checks before every route: token, admission, formats of FHIR, size and text of the body; then FastAPI parses it.

FastAPI parses a body before it resolves any dependency. Without these checks, 20 MB of JSON from an unknown caller
would be parsed before the token is verified.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from shared.http.admission import Load, Place, urgency_for, urgency_of
from shared.http.app import caller as caller_dependency
from shared.http.app import verify_caller
from shared.http.bodies import SMALL, Buffers, check_text, take_body
from shared.http.negotiation import check_negotiation, is_content_served, is_form
from shared.http.outcomes import is_fhir

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
AS_THE_SERVICE: Final = 2**62
"""For `takes`: only the limit of the service for all bodies applies."""
QUICK_BODY_S: Final = 0.1
"""Seconds for which a request counts as in work while its body arrives, so that a burst of deposits counts at once."""
_LIMIT: Final = "largest_body"
_BINARY: Final = "takes_binary"


class Door(APIRoute):
    """A route that checks the token, if it needs one, and the size of the body before the endpoint runs."""

    def get_route_handler(self) -> Handler:
        """Returns FastAPI's handler, preceded by the checks."""
        handle = super().get_route_handler()
        has_token, limit, urgency = needs_token(self), largest_body(self), urgency_of(self)
        has_content = is_content_served(self.endpoint)
        is_binary = getattr(self.endpoint, _BINARY, False)

        def check_format(request: Request, has_body: bool, form: bytes = b"") -> None:
            if is_fhir(request.url.path):
                check_negotiation(request, has_body=has_body, has_content=has_content, form=form)

        async def handle_at_the_door(request: Request) -> Response:
            caller = await verify_caller(request) if has_token else None
            own_urgency = urgency_for(caller, urgency, request.headers.get("priority", ""))
            async with load_of(request.app).admit(own_urgency) as place:
                has_body = _has_body(request)
                has_form = has_body and is_form(request)
                if not has_form:
                    check_format(request, has_body)
                if not has_body:
                    return await handle(request)
                client = _source(request) if caller is None else f"{caller.client_id} {caller.id}"
                with buffers_of(request.app).holding(client) as held:
                    with _idle_if_slow(place):
                        body = await take_body(request, limit, held)
                    if has_form:
                        check_format(request, has_body, body)
                    if not is_binary:
                        check_text(body, request.headers.get("content-type", ""))
                    return await handle(_with(request, body))

        return handle_at_the_door


def takes(size: int, *, binary: bool = False) -> Callable[[Endpoint], Endpoint]:
    """Decorates an endpoint with the number of bytes that its body may have; the default is SMALL.

    `binary`: the body is no text, and may have NULs.
    """

    def marked(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _LIMIT, size)
        setattr(endpoint, _BINARY, binary)
        return endpoint

    return marked


def largest_body(route: APIRoute) -> int:
    """Returns the number of bytes that the body of a route may have."""
    limit: int = getattr(route.endpoint, _LIMIT, SMALL)
    return limit


def needs_token(route: APIRoute) -> bool:
    """Whether a route needs a token: through FastAPI, or as its OpenAPI states if it reads the request itself."""
    return _asks(route.dependant) or bool((route.openapi_extra or {}).get("security"))


def buffers_of(app: FastAPI) -> Buffers:
    """Returns the counter of the bodies that this process holds."""
    if not hasattr(app.state, "buffers"):
        app.state.buffers = Buffers()
    buffers: Buffers = app.state.buffers
    return buffers


def load_of(app: FastAPI) -> Load:
    """Returns the load of this process."""
    if not hasattr(app.state, "load"):
        app.state.load = Load()
    load: Load = app.state.load
    return load


@contextmanager
def _idle_if_slow(place: Place) -> Iterator[None]:
    """Wraps the reading of a body: a body that takes long does not count as work while it is awaited."""
    timer = asyncio.get_running_loop().call_later(QUICK_BODY_S, place.leave)
    try:
        yield
    finally:
        timer.cancel()
        place.take()


def _asks(dependant: Dependant) -> bool:
    return dependant.call is caller_dependency or any(_asks(dependency) for dependency in dependant.dependencies)


def _source(request: Request) -> str:
    return request.client.host if request.client else ""


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or request.headers.get("content-length", "0") != "0"


def _with(request: Request, body: bytes) -> Request:
    """Returns the request with the body that was read already."""
    waiting = [body]

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await request.receive()

    return Request(request.scope, receive)
