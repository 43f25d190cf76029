"""Any request, whether OpenAPI describes it or not, gets an answer that says what is wrong, never a server error."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
import pytest
import pytest_asyncio

from shared.http import constant_time, prefer
from shared.http.outcomes import is_fhir
from tests.infra.http.apis import NAMES, Api
from tests.infra.http.generated import Generated, Generator
from tests.infra.http.seeds import SEEDS, fresh_apis, tokens
from tests.infra.platform.databases import Databases

EXAMPLES = {"identity": 3, "records": 10, "consent": 4, "audit": 12, "notify": 12}
"""Number of random valid cases of each operation, and of as many invalid ones."""
AT_ONCE = 8
SERVED = {
    "identity": {"patient", "representative", "professional", "software", "administrator", "operator", "nobody"},
    "records": {"patient", "representative", "carer", "professional", "professional in an emergency", "software"},
    "consent": {"patient", "representative", "carer", "professional", "software", "administrator"},
    "audit": {"patient", "representative", "professional", "operator"},
    "notify": {"patient"},
}
"""The kinds of actor that must pass every check in each API, so that the code behind the checks is tested."""
INSIDE = ("Traceback", 'File "', "asyncpg", "pydantic", "site-packages", ".py")


@dataclass
class Outcomes:
    """The outcomes of the requests to the API that `document` describes."""

    document: dict[str, Any]
    faults: set[str] = field(default_factory=set)
    served: set[str] = field(default_factory=set)

    def note(self, request: Generated, actor: str, answer: httpx2.Response) -> None:
        """Notes one answer."""
        if answer.is_success:
            self.served.add(actor)
        if (fault := self._fault_of(request, answer)) is not None:
            self.faults.add(f"{request.method} {request.route} by {actor}: {answer.status_code} {fault}")

    def _fault_of(self, request: Generated, answer: httpx2.Response) -> str | None:
        if answer.is_server_error:
            return f"{request.url} {request.content!r}"
        if not answer.is_client_error:
            return None
        if any(mark in answer.text for mark in INSIDE):
            return f"tells of our inside: {answer.text[:200]}"
        described = self.document["paths"][request.route][request.method.lower()]["responses"]
        if str(answer.status_code) not in described:
            return f"is not described: {answer.text[:100]}"
        kinds = described[str(answer.status_code)].get("content") or {form_of_errors(request.route)}
        kind = answer.headers.get("content-type", "").partition(";")[0]
        if kind not in kinds or not MEMBERS[kind] <= orjson.loads(answer.content).keys():
            return f"is not {sorted(kinds)}: {kind} {answer.text[:100]}"
        return None


MEMBERS = {
    "application/problem+json": {"type", "title", "status", "code", "detail"},
    "application/fhir+json": {"resourceType", "issue"},
    "application/json": {"error"},
}
"""The members of an error's body, by its media type; the last is OAuth's (RFC 6749, section 5.2)."""


def form_of_errors(route: str) -> str:
    """Returns the media type of an error that OpenAPI does not list."""
    return "application/fhir+json" if is_fhir(route) else "application/problem+json"


@pytest_asyncio.fixture(scope="module")
async def apis(databases: Databases) -> AsyncIterator[dict[str, Api]]:
    """Yields the running APIs."""
    async with fresh_apis(databases) as made:
        yield made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sends refusals without the fixed delay, and answers without waiting for a result."""

    async def not_at_all(_: float) -> None:
        """Returns at once."""

    monkeypatch.setattr(constant_time, "wait_until", not_at_all)
    monkeypatch.setattr(prefer, "LONGEST_WAIT_S", 0.0)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
async def test_no_generated_request_is_a_fault_of_ours(apis: dict[str, Api], name: str) -> None:
    api = apis[name]
    seeded = await SEEDS[name](api)
    values_by_name = {"record_id": str(seeded.record_id), **seeded.values_by_name}
    document = api.app.openapi()
    generator = Generator(document, values_by_name, EXAMPLES[name])
    by_actor = tokens(seeded.record_id)
    places = asyncio.Semaphore(AT_ONCE)
    outcomes = Outcomes(document)

    async def attempt(request: Generated, actor: str) -> None:
        async with places:
            token = by_actor[actor]
            headers = {name.encode("ascii"): value for name, value in request.headers.items()}
            if token is not None:
                headers[b"authorization"] = f"Bearer {token}".encode()
            answer = await api.client.request(request.method, request.url, content=request.content, headers=headers)
        outcomes.note(request, actor, answer)

    actors = list(by_actor)
    requests = await asyncio.to_thread(list, generator.requests())  # the loop goes on meanwhile
    await asyncio.gather(
        *(
            attempt(request, actor)
            for number, (request, names_known) in enumerate(requests)
            for actor in (actors if names_known else [actors[number % len(actors)]])
        )
    )
    assert outcomes.faults == set()
    assert outcomes.served >= SERVED[name]
