"""Calls the routes of quarantine as an organisation's software."""

from typing import Any
from uuid import UUID

from tests.infra.http.tokens import bearer
from tests.infra.records.records_api import HOSPITAL, RecordsApi, as_software


async def listed(api: RecordsApi, organisation: str = HOSPITAL, **query: Any) -> list[dict[str, Any]]:
    """Returns the organisation's submissions in quarantine."""
    answer = await api.client.get("/quarantine", params=query, headers=bearer(as_software(organisation)))
    assert answer.status_code == 200, answer.text
    submissions: list[dict[str, Any]] = answer.json()["submissions"]
    return submissions


async def only_one(api: RecordsApi) -> dict[str, Any]:
    """Returns the only submission in quarantine."""
    [submission] = await listed(api)
    return submission


async def shown(api: RecordsApi, id: str | UUID, organisation: str = HOSPITAL) -> dict[str, Any]:
    """Returns one submission with its fields."""
    answer = await api.get(f"/quarantine/{id}", as_software(organisation))
    assert answer.status_code == 200, answer.text
    submission: dict[str, Any] = answer.json()
    return submission


async def act(api: RecordsApi, verb: str, organisation: str = HOSPITAL, **body: Any) -> dict[str, Any]:
    """Sends corrections, resendings or removals; returns the answer."""
    answer = await api.client.post(f"/quarantine/{verb}", json=body, headers=bearer(as_software(organisation)))
    assert answer.status_code == 200, answer.text
    results: dict[str, Any] = answer.json()
    return results


async def outcomes(api: RecordsApi, verb: str, **body: Any) -> list[tuple[str, str | None]]:
    """Sends corrections, resendings or removals; returns outcome and code of each."""
    return [(result["outcome"], result["code"]) for result in (await act(api, verb, **body))["results"]]
