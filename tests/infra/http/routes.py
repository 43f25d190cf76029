"""Computes the routes once per run: FastAPI needs a tenth of a second for it at the first request to an app."""

from fastapi import FastAPI
from starlette.routing import BaseRoute

_KNOWN: dict[tuple[str, int], list[BaseRoute]] = {}


def known_routes(app: FastAPI) -> FastAPI:
    """Returns the app with the routes of the first app of its service; they are equal, and hold no state of an app."""
    routes = list(app.router.routes)
    app.router.routes[:] = _KNOWN.setdefault((app.title, len(routes)), routes)
    return app
