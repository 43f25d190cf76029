"""What FHIR clients do first: the CapabilityStatement, the base URL with a slash, a total, a path that is none."""

from typing import Any
from uuid import UUID

import pytest

from shared.runtime.version import software_version
from tests.infra.http.tokens import SETTINGS, bearer
from tests.infra.load.documents import Person
from tests.infra.records.records_api import (
    RecordsApi,
    a_deposit,
    as_patient,
    as_software,
    bundle_of,
    codes,
)

SOMEBODY = Person(93)
HEADERS = {"content-type": "application/fhir+json"}


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    return await api.open_record(SOMEBODY)


@pytest.mark.parametrize("path", ["/fhir/", "/fhir/?", "/fhir?"])
async def test_the_base_url_may_end_with_a_slash(api: RecordsApi, record: UUID, path: str) -> None:
    headers = {**bearer(as_software()), **HEADERS}
    answer = await api.client.post(path, content=bundle_of(a_deposit(SOMEBODY)), headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (200, "transaction-response")


async def test_a_slash_at_the_end_of_another_path_changes_nothing_there(api: RecordsApi) -> None:
    assert (await api.client.get("/fhir/metadata/")).status_code == 200
    assert (await api.client.get("/deposits/", headers=bearer(as_software()))).status_code == 404


async def test_the_capability_statement_says_where_tokens_are_issued(api: RecordsApi) -> None:
    statement: dict[str, Any] = (await api.client.get("/fhir/metadata")).json()
    assert statement["implementation"]["url"] == "http://records.test/fhir"
    assert statement["software"]["version"] == software_version() != "unknown"
    [oauth] = statement["rest"][0]["security"]["extension"]
    assert oauth["extension"][0]["valueUri"] == f"{SETTINGS.issuer}/oauth/token"


@pytest.mark.parametrize("accept", ["application/fhir+xml", "application/xml", "text/turtle"])
async def test_xml_is_refused_with_an_outcome_that_says_json(api: RecordsApi, accept: str) -> None:
    answer = await api.client.get("/fhir/metadata", headers={"accept": accept})
    assert (answer.status_code, codes(answer)) == (406, ["not-acceptable"])
    assert answer.headers["content-type"] == "application/fhir+json"
    assert "application/fhir+json" in answer.json()["issue"][0]["diagnostics"]


@pytest.mark.parametrize(
    "parameters",
    [
        {"_count": "0"},
        {"_count": "0", "_totalMethod": "count"},
        {"_summary": "count"},
        {"_summary": "count", "_count": "5"},
    ],
)
async def test_a_client_that_counts_gets_the_total_only(
    api: RecordsApi, record: UUID, parameters: dict[str, str]
) -> None:
    await api.publish(a_deposit(SOMEBODY))
    page = (await api.search(as_patient(record), patient=str(record), status="current", **parameters)).json()
    assert (page["total"], page.get("entry")) == (1, None)


async def test_a_total_that_is_asked_for_changes_nothing_and_a_summary_of_resources_is_refused(
    api: RecordsApi, record: UUID
) -> None:
    await api.publish(a_deposit(SOMEBODY))
    known = {"patient": str(record), "status": "current"}
    page = (await api.search(as_patient(record), **known, _total="none", _summary="false")).json()
    assert (page["total"], len(page["entry"])) == (1, 1)
    refused = await api.search(as_patient(record), **known, _summary="true")
    assert (refused.status_code, codes(refused)) == (400, ["search-invalid"])


@pytest.mark.parametrize(
    ("method", "path", "status", "word"),
    [
        ("POST", "/fhir/Bundle", 404, "POST /fhir"),
        ("GET", "/fhir/Appointment/1", 404, "/fhir/metadata"),
        ("POST", "/fhir/DocumentReference", 405, "GET, HEAD. GET /fhir/metadata"),
        ("GET", "/fhir", 405, "POST"),
    ],
)
async def test_a_path_that_is_none_is_answered_with_where_to_look(
    api: RecordsApi, method: str, path: str, status: int, word: str
) -> None:
    headers = bearer(as_software())
    answer = await api.client.request(method, path, headers=headers)
    assert answer.status_code == status
    assert word in answer.json()["issue"][0]["diagnostics"]
