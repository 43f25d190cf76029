"""A small app with pages, over ASGI: what the frame does without a service around it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx2
import pytest_asyncio
from fastapi import Depends, FastAPI
from jinja2 import DictLoader
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import NotFoundError
from shared.http.app import AuthenticatedCaller, make_app
from shared.http.described import ApiTexts
from shared.http.problems import problem
from shared.http.tokens import TokenVerifier
from shared.web.doors import page_router
from shared.web.forms import Form, read_form
from shared.web.pages import Pages, pages_of
from shared.web.session import see_other
from tests.infra.http.tokens import SETTINGS, TestKeys

SHOWN = (
    '{% extends "layout.html" %}{% block heading %}A page{% endblock %}{% block main %}<p>{{ word }}</p>{% endblock %}'
)
router = page_router()
FormOf = Annotated[Form, Depends(read_form)]
SENT: list[Form] = []


@router.get("/dossier/{record_id}/documents")
async def shown(request: Request, caller: AuthenticatedCaller) -> Response:
    return pages_of(request).page(request, "shown.html", word=f"<{caller.kind} {caller.id}>")


@router.post("/dossier/{record_id}/documents")
async def sent(form: FormOf, _: AuthenticatedCaller) -> Response:
    SENT.append(form)
    return see_other("/dossier/done")


@router.get("/aide")
async def public(request: Request) -> Response:
    return pages_of(request).page(request, "shown.html", word="help")


@router.get("/aide/hidden")
async def hidden() -> Response:
    raise NotFoundError


@router.get("/aide/broken")
async def broken() -> Response:
    raise RuntimeError("secret words")


def _app() -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.verifier = TokenVerifier(SETTINGS, TestKeys())
        yield

    pages = Pages("notify")
    pages._environment.loader = DictLoader({"shown.html": SHOWN, **_templates()})
    app = make_app(ApiTexts("T", "T", ""), lifespan=lifespan, body_limit=2**20, render=pages.errors(problem))
    pages.install(app)
    app.include_router(router)
    return app


def _templates() -> dict[str, str]:
    folder = Path(__file__).parents[3] / "shared" / "web" / "templates"
    return {path.name: path.read_text("utf-8") for path in folder.glob("*.html")}


@pytest_asyncio.fixture(scope="module")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the app, which keeps no cookies."""
    app = _app()
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://dmp.test") as made,
    ):
        yield made


def cookies(**values: str) -> dict[str, str]:
    """Returns the header with these cookies: `access`, `acting`, `lang`."""
    names = {"access": "__Host-access", "acting": "__Secure-acting", "holder": "__Secure-holder", "lang": "lang"}
    return {"cookie": "; ".join(f"{names[name]}={value}" for name, value in values.items())}
