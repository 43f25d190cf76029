"""HEAD wherever GET is, and the methods that a path has (RFC 9110, sections 9.3.2 and 10.2.1).

HEAD is handled as the GET of its target: the same checks, the same decision and entry in the ledger, the same status
and headers. Only the body is left out.
"""

from fastapi.routing import iter_route_contexts
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import Message, Scope, Send


def as_get(scope: Scope, send: Send) -> tuple[Scope, Send]:
    """Returns the scope of a HEAD as that of its GET, and a `send` that drops the body; others unchanged.

    The server's own scope keeps the method HEAD, so that the server frames the answer as one without a body.
    """
    if scope["method"] != "HEAD":
        return scope, send

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return {**scope, "method": "GET"}, send_head


def allowed_methods(request: Request) -> list[str]:
    """Returns the methods of all routes with the path of the request, sorted; HEAD goes with GET."""
    methods: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return sorted(methods | ({"HEAD"} if "GET" in methods else set()))
