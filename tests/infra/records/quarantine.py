"""Calls the routes of quarantine as an organisation's software."""

from typing import Any
from uuid import UUID

import httpx2

from services.records.documents.domain import sealed_contents
from shared.crypto.vault import WrappedKey
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


async def send_cda(api: RecordsApi, body: bytes) -> httpx2.Response:
    """Deposits a CDA."""
    headers = {**bearer(as_software()), "content-type": "text/xml"}
    return await api.client.post("/cda", content=body, headers=headers)


async def send_archive(api: RecordsApi, body: bytes) -> httpx2.Response:
    """Deposits an XDM archive."""
    headers = {**bearer(as_software()), "content-type": "application/zip"}
    return await api.client.post("/xdm", content=body, headers=headers)


async def read_decided(api: RecordsApi, document_id: UUID) -> bytes:
    """Publishes a document; returns its content."""
    await api.decide(document_id)
    return (await api.get(f"/fhir/Binary/{document_id}", as_software())).content


async def stored_requests(api: RecordsApi) -> list[bytes]:
    """Returns the requests of the stored deposits, byte for byte."""
    requests = []
    rows = await api.pool.fetch(
        "select p.record_id, q.deposit_id, q.body, k.kid, k.wrapped from deposit_requests q join deposits p "
        "on p.bucket = q.bucket and p.id = q.deposit_id join record_keys k on k.record_id = p.record_id"
    )
    for row in rows:
        key = api.vault.unwrap(row["record_id"], WrappedKey(row["kid"], row["wrapped"]))
        contents = {
            each["document_id"]: sealed_contents.open_content(key, each["document_id"], each["content"])
            for each in await api.pool.fetch("select document_id, content from contents")
        }
        requests.append(sealed_contents.open_request(key, row["deposit_id"], row["body"], contents))
    return requests
