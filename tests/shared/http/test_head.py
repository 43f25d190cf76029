"""HEAD is answered like GET, without the body; a method that a path lacks is answered with those that it has."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from deploy.generate import openapi
from shared.contracts.declarations import SERVICES
from shared.http import constant_time
from tests.infra.http.apis import Api, Operation, operations
from tests.infra.http.seeds import SEEDS, Seeded, fresh_apis, tokens
from tests.infra.platform.databases import Databases

OF_ONE_REQUEST = frozenset({"traceparent", "date"})
FRAME = ("/livez", "/readyz")
READS = [
    (service, path) for service in SERVICES for path, methods in openapi(service)["paths"].items() if "get" in methods
]
QUERY = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "week": "2026-W10", "status": "current"}


@pytest_asyncio.fixture(scope="module")
async def apis(databases: Databases) -> AsyncIterator[dict[str, tuple[Api, Seeded]]]:
    """The running APIs, each with a record."""
    async with fresh_apis(databases) as made:
        yield {name: (api, await SEEDS[name](api)) for name, api in made.items()}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_at_all(_: float) -> None:
        """Returns at once."""

    monkeypatch.setattr(constant_time, "wait_until", not_at_all)


def headers_of(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OF_ONE_REQUEST}


def path_of(path: str, seeded: Seeded) -> str:
    for name, value in values_of(seeded).items():
        path = path.replace(f"{{{name}}}", str(value))
    return path.replace("{", "").replace("}", "")


def values_of(seeded: Seeded) -> dict[str, Any]:
    return {"record_id": seeded.record_id, **seeded.values_by_name}


def query_of(operation: Operation, seeded: Seeded) -> dict[str, str]:
    values = {**values_of(seeded), **QUERY}
    by_name = {parameter["name"] for parameter in operation.parameters("query")} - {"patient.identifier"}
    return {name: str(values[name]) for name in by_name if name in values}


async def assert_head_is_get(client: httpx2.AsyncClient, path: str, query: Mapping[str, str], token: str | None) -> int:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    got = await client.get(path, params=query, headers=headers)
    head = await client.head(path, params=query, headers=headers)
    assert (head.status_code, headers_of(head)) == (got.status_code, headers_of(got))
    assert head.content == b""
    assert head.headers.get("content-length") in (None, str(len(got.content)))  # None where the answer is streamed
    return got.status_code


@pytest.mark.parametrize(("service", "path"), READS)
async def test_head_is_answered_like_get(apis: dict[str, tuple[Api, Seeded]], service: str, path: str) -> None:
    api, seeded = apis[service]
    [operation] = [each for each in operations(service, api.app) if (each.method, each.path) == ("GET", path)]
    for token in tokens(seeded.record_id).values():
        await assert_head_is_get(api.client, path_of(path, seeded), query_of(operation, seeded), token)


@pytest.mark.parametrize("service", SERVICES)
async def test_the_frame_answers_head_too(apis: dict[str, tuple[Api, Seeded]], service: str) -> None:
    api, _ = apis[service]
    for path in FRAME:
        assert await assert_head_is_get(api.client, path, {}, None) == 200


@pytest.mark.parametrize("service", SERVICES)
async def test_a_405_names_every_method_of_its_path(apis: dict[str, tuple[Api, Seeded]], service: str) -> None:
    api, seeded = apis[service]
    for path, methods in openapi(service)["paths"].items():
        answer = await api.client.request("TRACE", path_of(path, seeded))
        allowed = set(answer.headers["allow"].split(", "))
        known = {method.upper() for method in methods}
        assert (path, answer.status_code) == (path, 405)
        assert known | ({"HEAD"} if "GET" in known else set()) <= allowed
        assert ("HEAD" in allowed) == ("GET" in allowed)
    answer = await api.client.delete("/livez")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    if service == "records":
        answer = await api.client.delete(path_of("/fhir/DocumentReference/{id}", seeded))
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PATCH")
