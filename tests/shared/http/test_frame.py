"""The frame of every API: bad tokens, bodies that are too large, and errors that reveal nothing internal."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI, Request
from joserfc.jwk import ECKey, KeySet
from pydantic import BaseModel

from shared.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotAuthenticatedError,
    NotFoundError,
    UncheckableError,
)
from shared.http import constant_time
from shared.http.app import AuthenticatedCaller, make_app
from shared.http.described import ApiTexts
from shared.http.issuer_keys import IssuerKeys
from shared.http.tokens import TokenVerifier
from shared.runtime.settings import TokenSettings
from tests.conftest import NewPool
from tests.infra.http.tokens import KEY, SETTINGS, TestKeys, bearer, make_token

REFUSALS = (ForbiddenError, NotFoundError, UncheckableError, NotAuthenticatedError, ConflictError, InvalidError)


class Body(BaseModel):
    number: int


def build(verifier: TokenVerifier) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.verifier = verifier
        yield

    app = make_app(ApiTexts("test", "test", "http://127.0.0.1"), lifespan=lifespan, body_limit=1000)

    @app.get("/who")
    async def who(caller: AuthenticatedCaller) -> dict[str, str]:
        return {"id": caller.id}

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.post("/body")
    async def body(body: Body) -> int:
        return body.number

    @app.get("/bug")
    async def bug() -> None:
        raise KeyError("Camille Fontanelle")

    @app.get("/outage")
    async def outage() -> None:
        raise asyncpg.CannotConnectNowError("secret dsn")

    @app.get("/conflict")
    async def conflict() -> None:
        raise ConflictError

    @app.get("/refused/{code}")
    async def refused(code: str) -> None:
        raise {refusal.code: refusal for refusal in REFUSALS}[code]

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    app = build(TokenVerifier(SETTINGS, TestKeys()))
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://api") as http_client,
    ):
        yield http_client


FOREIGN = ECKey.generate_key("P-256", {"kid": "test"}, private=True)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "é.é.é",
        make_token("patient", "p", exp=int(time.time()) - 60),
        make_token("patient", "p", iss="http://elsewhere"),
        make_token("patient", "p", aud="another"),
        make_token("patient", "p", key=FOREIGN),
        make_token("patient", "p")[:-4] + "AAAA",
        make_token("pirate", "p"),
        make_token("patient", "p", dmp="none"),
    ],
)
async def test_a_token_that_is_expired_forged_or_foreign_is_refused_alike(
    client: httpx2.AsyncClient, token: str
) -> None:
    answer = await client.get("/who", headers={b"authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401
    assert answer.json()["code"] == "token-invalid"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_good_token_says_who_asks(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/who", headers=bearer(make_token("patient", "p-1")))
    assert answer.json() == {"id": "p-1"}


async def test_a_token_without_a_signature_is_refused(client: httpx2.AsyncClient) -> None:
    payload = make_token("patient", "p").split(".")[1]
    none = "eyJhbGciOiJub25lIn0." + payload + "."
    assert (await client.get("/who", headers=bearer(none))).status_code == 401


async def test_a_body_over_the_limit_is_refused_whether_announced_or_not(client: httpx2.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    for content in (b"x" * 1001, endless()):
        answer = await client.post("/size", content=content)
        assert answer.status_code == 413
        assert answer.json()["code"] == "body-too-large"
        assert "1000" in answer.json()["detail"]
    assert (await client.post("/size", content=b"x" * 1000)).text == "1000"


async def test_a_compressed_body_is_refused_before_it_can_grow(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/size", content=b"\x1f\x8b", headers={"content-encoding": "gzip"})
    assert answer.status_code == 415
    assert "Content-Encoding" in answer.json()["detail"]


async def test_invalid_input_is_named_by_place_and_never_quoted(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/body", json={"number": "Fontanelle"})
    assert answer.status_code == 422
    assert "body.number" in answer.json()["detail"]
    assert "Fontanelle" not in answer.text


async def test_a_bug_answers_without_its_text_and_is_logged_without_it(
    client: httpx2.AsyncClient, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = await client.get("/bug")
    assert answer.status_code == 500
    assert "Fontanelle" not in answer.text + capfd.readouterr().out
    assert answer.json()["code"] == "internal"


async def test_an_outage_of_the_own_database_says_to_try_again(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/outage")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert "secret" not in answer.text


async def test_unknown_paths_and_methods_and_conflicts_are_problems_too(client: httpx2.AsyncClient) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("DELETE", "/size", 405), ("GET", "/conflict", 409)):
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_only_what_may_stand_for_something_hidden_waits_for_its_beat(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def note(moment: float) -> None:
        waits.append(moment)

    monkeypatch.setattr(constant_time, "wait_until", note)
    for refusal in REFUSALS:
        assert (await client.get(f"/refused/{refusal.code}")).status_code == refusal.status
        assert len(waits) == (1 if refusal.status in (403, 404, 503) else 0), refusal
        waits.clear()
    assert (await client.get("/livez")).status_code == 200
    assert waits == []


async def test_a_trace_goes_on_through_the_answer(client: httpx2.AsyncClient) -> None:
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    answer = await client.get("/nothing", headers={"traceparent": trace})
    assert answer.headers["traceparent"].split("-")[1] == trace.split("-")[1]


async def test_tokens_are_still_verified_after_a_start_while_identity_is_away(new_pool: NewPool) -> None:
    pool = await new_pool("consent")
    dead = TokenSettings(issuer=SETTINGS.issuer, jwks_url="http://127.0.0.1:9/jwks.json")
    keys = IssuerKeys(pool, dead)
    with_nothing = TokenVerifier(dead, keys)
    with pytest.raises(Exception, match="token"):
        await with_nothing.verify(make_token("patient", "p"))
    jwk = KeySet([KEY]).keys[0].as_dict(private=False)
    import orjson

    await pool.execute("insert into issuer_keys (kid, jwk) values ($1, $2)", jwk["kid"], orjson.dumps(jwk).decode())
    restarted = TokenVerifier(dead, IssuerKeys(pool, dead))
    assert (await restarted.verify(make_token("patient", "p-2"))).id == "p-2"
