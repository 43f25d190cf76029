"""Routes that are worked out once per run: FastAPI takes a tenth of a second for it at the first request to an app."""

from fastapi import FastAPI
from starlette.routing import BaseRoute

_KNOWN: dict[tuple[str, int], list[BaseRoute]] = {}


def known_routes(app: FastAPI) -> FastAPI:
    """The app, with the routes of the first of its service: they are the same, and hold nothing of an app."""
    routes = list(app.router.routes)
    app.router.routes[:] = _KNOWN.setdefault((app.title, len(routes)), routes)
    return app
