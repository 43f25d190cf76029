"""No value of any parameter of any route leads to a server error (5xx)."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import pytest
import pytest_asyncio

from services.consent.choices.steps import copy_records
from services.consent.copies.store import COPIED_TOPICS
from shared.db.pool import transaction
from shared.http import constant_time
from shared.messaging.copies import raise_watermarks
from shared.runtime import clock
from tests.infra.http.apis import NAMES, Api, Operation, all_apis, operations
from tests.infra.http.examples import ExampleRequest, example_request, resolved
from tests.infra.http.tokens import bearer, make_token
from tests.infra.load.documents import Person
from tests.infra.messaging.messages import message
from tests.infra.messaging.plumbing import record_changed
from tests.infra.platform.databases import Databases
from tests.infra.records.records_api import records_api_of

pytestmark = pytest.mark.long

RECORD = uuid4()
INT4 = 2**31 - 1
SCOPES = "records.open records.erase directory.write clients.write operations matrices.write"
ASKING = {
    "patient": make_token("patient", str(RECORD), record_id=RECORD),
    "administrator": make_token("administrator", "admin-1", scope=SCOPES),
}
DATES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "9999-12-31", "10000-01-01T00:00:00Z")
NUMBERS = (2**31, 2**63, -(2**63) - 1)
TEXTS = ("\ud800", "9" * 40)
AT_ONCE = 8


@pytest_asyncio.fixture(scope="module")
async def apis(databases: Databases) -> AsyncIterator[dict[str, Api]]:
    async with all_apis(databases) as made:
        records = records_api_of(made["records"].app, made["records"].client)
        await records.be_fresh()
        await records.open_record(Person(81), record_id=RECORD)
        async with transaction(made["consent"].app.state.pool) as connection:
            await copy_records(connection, [message(record_changed(RECORD))])
            await raise_watermarks(connection, {(topic, 0): clock.now() for topic in COPIED_TOPICS})
        yield made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends refusals without the fixed delay."""

    async def not_at_all(_: float) -> None:
        """Returns at once."""

    monkeypatch.setattr(constant_time, "wait_until", not_at_all)


async def send(api: Api, request: ExampleRequest, token: str, **headers: str) -> httpx2.Response:
    path = request.operation.path
    for name, value in request.path.items():
        path = path.replace("{" + name + "}", quote(str(value).encode("utf-8", "surrogatepass"), safe=""))
    query = "&".join(
        f"{name}={quote(str(value).encode('utf-8', 'surrogatepass'), safe='')}"
        for name, value in request.query.items()
        if value is not None
    )
    kind = (request.operation.body() or ("application/json", {}))[0]
    content = None if request.body is None else _text_of(request.body).encode()
    sent = {**bearer(token), "content-type": kind if "json" in kind else "application/json", **headers}
    url = path + (f"?{query}" if query else "")
    return await api.client.request(request.operation.method, url, content=content, headers=sent)


def _text_of(body: Any) -> str:
    import json

    return json.dumps(body)


@pytest.mark.parametrize("name", NAMES)
async def test_no_extreme_value_anywhere_is_a_fault_of_ours(apis: dict[str, Api], name: str) -> None:
    places = asyncio.Semaphore(AT_ONCE)
    faults: set[tuple[str, str, str, str]] = set()

    async def attempt(request: ExampleRequest, place: tuple[str, tuple[Any, ...]], value: Any, who: str) -> None:
        async with places:
            answer = await send(apis[name], request.with_value(place, value), ASKING[who])
        if answer.status_code >= 500 and answer.status_code != 503:
            faults.add((request.operation.name, str(place), repr(value)[:40], answer.text[:60]))

    attempts = [
        attempt(request, place, value, who)
        for operation in operations(name, apis[name].app)
        for request in [example_request(operation, str(RECORD))]
        for place in request.places()
        for value in extremes(request.value_at(place))
        for who in asking(operation)
    ]
    await asyncio.gather(*attempts)
    assert faults == set()


def asking(operation: Operation) -> list[str]:
    """Returns the kinds of actor with the widest access to the operation."""
    alone = operation.service != "identity" and "matrices" not in operation.path
    return ["patient"] if alone or not operation.described.get("security") else ["patient", "administrator"]


def extremes(value: Any) -> tuple[Any, ...]:
    """Returns extreme values of the type of an ordinary value."""
    if isinstance(value, str):
        return (*DATES, *TEXTS) if value[:4].isdigit() and "-" in value else TEXTS
    return NUMBERS if isinstance(value, int) and not isinstance(value, bool) else ()


@pytest.mark.parametrize("name", NAMES)
async def test_a_nul_anywhere_is_told_so(apis: dict[str, Api], name: str) -> None:
    for operation in operations(name, apis[name].app):
        request = example_request(operation, str(RECORD))
        for place in request.places():
            answer = await send(apis[name], request.with_value(place, "a\0b"), ASKING["patient"])
            assert (operation.name, place, answer.status_code) == (operation.name, place, 422), answer.text
            assert "nul-character" in answer.text
        answer = await send(apis[name], request, ASKING["patient"], **{"x-anything": "a\0b"})
        assert (operation.name, answer.status_code) == (operation.name, 422)


@pytest.mark.parametrize("name", NAMES)
async def test_every_number_that_is_asked_for_fits_its_column(apis: dict[str, Api], name: str) -> None:
    loose = []
    for operation in operations(name, apis[name].app):
        schemas = [
            (parameter["name"], parameter["schema"])
            for parameter in operation.parameters("path") + operation.parameters("query")
        ]
        body = operation.body()
        schemas += [] if body is None else list(_properties(body[1], operation))
        for place, schema in schemas:
            whole_schema = resolved(schema, operation)
            if whole_schema.get("type") == "integer" and not (
                "minimum" in whole_schema and whole_schema.get("maximum", INT4 + 1) <= INT4
            ):
                loose.append((operation.name, place))
    assert loose == []


def _properties(schema: dict[str, Any], operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    whole_schema = resolved(schema, operation)
    for name, inner in whole_schema.get("properties", {}).items():
        yield name, inner
        yield from _properties(inner, operation)
    if "items" in whole_schema:
        yield from _properties(whole_schema["items"], operation)
