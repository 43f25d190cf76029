"""The front of one machine: which service gets a request, what travels with it, and what the front answers itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deploy.local.demo.family import FILE, DemoPerson
from deploy.local.front.demo import demo_app
from deploy.local.front.routing import Front
from deploy.local.front.server import FrontApp
from deploy.local.platform.paths import Layout
from shared.contracts.declarations import SERVICES
from shared.contracts.page_paths import PAGE_PATHS, page_path_of
from tests.e2e.acting import free_port
from tests.infra.http.servers import listening

RECORD = "0198c1f0-0000-8000-8000-000000000000"


async def echo(request: Request) -> Response:
    """Answers with what arrived."""
    body = await request.body()
    headers = [[name, value] for name, value in request.headers.items()]
    answer = JSONResponse({"path": request.url.path, "query": request.url.query, "headers": headers, "size": len(body)})
    answer.set_cookie("first", "1")
    answer.set_cookie("second", "2", path="/dossier")
    return answer


async def slow(_: Request) -> Response:
    """Answers in two parts, the second when somebody has read the first."""

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        await READ.wait()
        yield b"second"

    return StreamingResponse(parts())


READ = asyncio.Event()


@pytest_asyncio.fixture(scope="module")
async def front() -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a front whose services all echo, but notify, which is away."""
    READ.clear()
    methods = ["GET", "POST"]
    routes = [Route("/dossier/{id}/synthese/slow", slow), Route("/{path:path}", echo, methods=methods)]
    async with listening(uvicorn.Config(Starlette(routes=routes), log_config=None, access_log=False)) as upstream:
        urls: dict[tuple[str, str], str] = {
            (name, role): f"http://127.0.0.1:{upstream}" for name in SERVICES for role in ("api", "worker")
        }
        urls["notify", "api"] = f"http://127.0.0.1:{free_port()}"
        made: list[Front] = []

        async def app(scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
            await FrontApp(made[0], Starlette())(scope, receive, send)  # type: ignore[arg-type]

        config = uvicorn.Config(app, log_config=None, access_log=False, proxy_headers=False, lifespan="off")
        async with listening(config) as port:
            made.append(Front(port, urls))
            headers = {"host": made[0].authority, "accept-language": "fr"}
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
                yield client


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "identity"),
        ("/connexion/oubli", "identity"),
        (f"/dossier/{RECORD}", "records"),
        (f"/dossier/{RECORD}/documents/1/contenu", "records"),
        (f"/dossier/{RECORD}/acces/versions", "consent"),
        (f"/dossier/{RECORD}/historique", "audit"),
        (f"/dossier/{RECORD}/alertes", "notify"),
        (f"/dossier/{RECORD}/proches", "identity"),
        (f"/soins/dossier/{RECORD}", "records"),
        ("/soins", "identity"),
        ("/etablissement/depots", "records"),
        ("/records", None),
        ("/oauth/token", None),
        ("/sign-in", None),
        ("/soins/autre", None),
        ("//connexion", None),
        (f"/dossier/{RECORD}/../../records", None),
    ],
)
def test_the_longest_declared_path_decides_and_apis_have_none(path: str, service: str | None) -> None:
    page = page_path_of(path)
    assert (page and page.service) == service


def test_no_path_is_declared_twice() -> None:
    assert len({page.path for page in PAGE_PATHS}) == len(PAGE_PATHS)


async def test_a_request_arrives_as_it_was_sent_but_for_what_a_browser_cannot_say(front: httpx2.AsyncClient) -> None:
    forged = {
        "authorization": "Bearer x",
        "x-forwarded-for": "203.0.113.9",
        "x-forwarded-host": "example.org",
        "forwarded": "for=203.0.113.9",
        "client-cert": ":AAAA:",
        "x-real-ip": "203.0.113.9",
        "via": "1.1 somebody",
    }
    answer = await front.post(
        f"/dossier/{RECORD}/acces?b=2", content=b"x" * 300_000, headers={**forged, "cookie": "a=1"}
    )
    seen = answer.json()
    headers = dict(seen["headers"])
    assert (seen["path"], seen["query"], seen["size"]) == (f"/dossier/{RECORD}/acces", "b=2", 300_000)
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["host"] == front.headers["host"]
    assert headers["cookie"] == "a=1"
    assert headers.keys().isdisjoint(forged.keys() - {"x-forwarded-for"})
    assert len(answer.headers.get_list("set-cookie")) == 2


async def test_an_answer_is_passed_on_while_it_still_comes(front: httpx2.AsyncClient) -> None:
    async with front.stream("GET", f"/dossier/{RECORD}/synthese/slow") as answer:
        parts = answer.aiter_raw()
        assert await anext(parts) == b"first"
        READ.set()
        assert b"".join([part async for part in parts]) == b"second"


async def test_a_service_that_is_away_is_a_page_that_says_so(front: httpx2.AsyncClient) -> None:
    answer = await front.get(f"/dossier/{RECORD}/alertes")
    assert answer.status_code == 502
    assert "ne répond pas" in answer.text
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "example.org", "dmp.localhost"])
async def test_no_other_name_leads_to_the_pages(front: httpx2.AsyncClient, host: str) -> None:
    answer = await front.get("/connexion", headers={"host": host})
    assert answer.status_code == 421
    assert "dmp.localhost:" in answer.text


@pytest.mark.parametrize("path", ["/records", "/demo-sign-in", "/connexion%2f..%2frecords", "/static\\x", "/metrics"])
async def test_what_is_no_page_reaches_no_service(front: httpx2.AsyncClient, path: str) -> None:
    assert (await front.get(path)).status_code == 404


async def ask(folder: Path, method: str, path: str, **headers: str) -> httpx2.Response:
    """Asks a front whose installation is in this folder."""
    layout = Layout(folder)
    layout.create()
    transport = httpx2.ASGITransport(FrontApp(Front(8400, {}), demo_app(layout)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://dmp.localhost:8400") as client:
        return await client.request(method, path, headers={"accept-language": "fr", **headers})


async def test_the_page_of_invented_persons_offers_to_invent_them_and_then_to_sign_in(tmp_path: Path) -> None:
    assert 'action="/demo/famille"' in (await ask(tmp_path, "GET", "/demo")).text
    person = DemoPerson("record", RECORD, "Hortense Grandclair", "mother")
    (tmp_path / FILE).write_text(json.dumps([asdict(person)]))
    shown = (await ask(tmp_path, "GET", "/demo")).text
    assert 'action="/session/demo"' in shown
    assert f'name="record" value="{RECORD}"' in shown
    assert "Aucun message" in (await ask(tmp_path, "GET", "/demo/messages")).text


async def test_no_other_site_invents_persons(tmp_path: Path) -> None:
    refused = await ask(tmp_path, "POST", "/demo/famille", **{"sec-fetch-site": "cross-site"})
    assert refused.status_code == 503
    assert not (tmp_path / FILE).exists()
