"""On every route that needs a token, a request without one is refused before any of its body is read."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
import pytest_asyncio

from shared.http.bodies import SMALL
from shared.http.door import Door, largest_body
from tests.infra.http.apis import NAMES, Api, Operation, all_apis, operations, routes_of
from tests.infra.http.tokens import bearer, make_token
from tests.infra.platform.databases import Databases

OPEN_TO_ALL = {
    "identity GET /terms",
    "identity POST /openings/online",
    "identity POST /openings/online/{opening_id}/code",
    "identity POST /openings/online/{opening_id}/complete",
    "identity POST /activations",
    "identity POST /contact-objections",
    "identity GET /figures",
    "identity POST /oauth/token",
    "identity GET /.well-known/jwks.json",
    "identity GET /.well-known/oauth-authorization-server",
    "identity GET /.well-known/erasure-receipt-keys.json",
    "identity POST /demo/sign-in",
    "identity POST /sign-in",
    "identity POST /sign-in/{challenge_id}/code",
    "identity POST /token/refresh",
    "identity POST /password-resets",
    "identity POST /password-resets/{challenge_id}/password",
    "identity GET /professionals/sign-in",
    "identity POST /professionals/sign-in",
    "identity GET /professionals/callback",
    "identity POST /professionals/card",
    "records GET /fhir/metadata",
    "records GET /certificates/.well-known/jwks.json",
    "records GET /certificates/.well-known/crl/{kid}.json",
    "records GET /.well-known/export-keys.json",
    "audit GET /.well-known/access-list-keys.json",
}
"""Routes for callers without a token yet, and for public information."""
WITH_LARGE_BODIES = {
    "records /fhir",
    "records /cda",
    "records /xdm",
    "records /records/{record_id}/documents/{document_id}",
    "records /dossier/{record_id:uuid}/documents/ajouter",
    "consent /matrices",
}
FRAME = {"/livez", "/readyz", "/static/{name}"}


@pytest_asyncio.fixture(scope="module")
async def apis(databases: Databases) -> AsyncIterator[dict[str, Api]]:
    async with all_apis(databases) as made:
        yield made


def path_of(operation: Operation) -> str:
    """Returns the path of an operation with a value for each parameter."""
    path = operation.path
    for parameter in operation.parameters("path"):
        path = path.replace("{" + parameter["name"] + "}", str(uuid4()))
    return path


@pytest.mark.parametrize("name", NAMES)
async def test_every_route_has_the_door(apis: dict[str, Api], name: str) -> None:
    routes = [route for route in routes_of(apis[name].app) if route.path not in FRAME]
    assert len(routes) >= len(operations(name, apis[name].app))
    assert [route.path for route in routes if not isinstance(route, Door)] == []


@pytest.mark.parametrize("name", NAMES)
async def test_only_the_routes_named_take_more_than_a_small_body(apis: dict[str, Api], name: str) -> None:
    large = {f"{name} {route.path}" for route in routes_of(apis[name].app) if largest_body(route) > SMALL}
    assert large == {route for route in WITH_LARGE_BODIES if route.startswith(f"{name} ")}


@pytest.mark.parametrize("name", NAMES)
async def test_without_a_token_nothing_of_the_body_is_taken(apis: dict[str, Api], name: str) -> None:
    for operation in operations(name, apis[name].app):
        taken: list[int] = []

        async def body(taken: list[int] = taken) -> AsyncIterator[bytes]:
            for number in range(40):
                taken.append(number)
                yield b"[" * 1024

        headers = {"content-type": "application/json"}
        url = path_of(operation)
        answer = await apis[name].client.request(operation.method, url, content=body(), headers=headers)
        if operation.name in OPEN_TO_ALL:
            assert answer.status_code != 401 or "oauth" in url or "refresh" in url, operation.name
        else:
            assert (operation.name, answer.status_code, taken) == (operation.name, 401, [])
            broken = {**headers, **bearer("a.b.c")}
            answer = await apis[name].client.request(operation.method, url, content=body(), headers=broken)
            assert (operation.name, answer.status_code, taken) == (operation.name, 401, [])


@pytest.mark.parametrize("name", NAMES)
async def test_a_body_over_the_limit_of_its_route_is_413_in_chunks_too(apis: dict[str, Api], name: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(2 * SMALL // 1024):
            yield b" " * 1024

    large = {f"{name} {route.path}" for route in routes_of(apis[name].app) if largest_body(route) > SMALL}
    record = uuid4()
    token = bearer(make_token("patient", str(record), record_id=record))
    for operation in operations(name, apis[name].app):
        if operation.body() is None or f"{name} {operation.path}" in large:
            continue
        headers = {**token, "content-type": "application/json"}
        for content in (endless(), b" " * 2 * SMALL):
            url = path_of(operation)
            answer = await apis[name].client.request(operation.method, url, content=content, headers=headers)
            assert (operation.name, answer.status_code) == (operation.name, 413)
            assert "body-too-large" in answer.text
