"""The OpenAPI documents: valid, and complete enough to generate clients from them."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from deploy.generate import openapi
from deploy.local.platform.ports import USUAL
from shared.contracts.declarations import SERVICES
from shared.http.described import words_in

ROOT = Path(__file__).parents[3]
LONGEST_ID = 30


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def document(service: str) -> dict[str, Any]:
    return openapi(service)


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    validate(document)


def test_every_property_and_parameter_says_what_it_is(document: dict[str, Any]) -> None:
    words = list(words_in(document))
    assert words
    assert [f"{owner}.{name}" for owner, name, described in words if not described.get("description")] == []


def test_nothing_is_described_that_the_document_does_not_have(service: str, document: dict[str, Any]) -> None:
    own = tomllib.loads((ROOT / "services" / service / "openapi.toml").read_text("utf-8"))
    words = {(owner, name) for owner, name, _ in words_in(document)}
    names = {name for _, name in words}
    listed = {(owner, name) for owner, members in own.get("schemas", {}).items() for name in members}
    assert set(own.get("words", {})) - names == set()
    assert listed - words == set()
    assert set(own["tags"]) == {tag for operation in operations(document) for tag in operation["tags"]}


def test_every_operation_has_a_short_id_of_its_own(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for operation in operations(document)]
    assert len(ids) == len(set(ids))
    assert [id for id in ids if not re.fullmatch(r"[a-z][A-Za-z]+", id) or len(id) > LONGEST_ID] == []


def test_the_document_names_its_server_and_its_licence(service: str, document: dict[str, Any]) -> None:
    assert document["servers"][0]["url"] == f"http://127.0.0.1:{USUAL[f'{service}-api']}"
    assert document["info"]["license"]["identifier"] == "EUPL-1.2"
    assert (ROOT / "LICENSE").read_text("utf-8").lstrip().startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2")
    assert (document["info"]["title"], document["info"]["summary"][-1:]) == (service, ".")


def test_errors_are_components_and_never_repeated(document: dict[str, Any]) -> None:
    for operation in operations(document):
        for status, response in operation["responses"].items():
            if status >= "400":
                [media] = response["content"].values()
                assert list(media["schema"]) == ["$ref"], (operation["operationId"], status)


def test_where_a_token_is_needed_its_lack_is_described(document: dict[str, Any]) -> None:
    assert document["components"]["securitySchemes"]["accessToken"]["bearerFormat"] == "JWT"
    for operation in operations(document):
        needs_token = operation.get("security") == [{"accessToken": []}]
        assert needs_token or "security" not in operation
        assert not needs_token or "401" in operation["responses"], operation["operationId"]


def test_what_is_no_json_is_described_as_what_it_is() -> None:
    content = openapi("records")["paths"]["/fhir/Binary/{id}"]["get"]["responses"]["200"]["content"]
    assert {kind: media["schema"] for kind, media in content.items()} == {
        "application/octet-stream": {"type": "string", "format": "binary"},
        "application/pdf": {"type": "string", "format": "binary"},
        "application/fhir+json": {"$ref": "#/components/schemas/FhirResource"},
    }
    matrices = openapi("consent")["paths"]
    taken = matrices["/matrices"]["post"]["requestBody"]["content"]
    assert taken["text/csv"]["schema"] == {"type": "string"}
    assert list(matrices["/matrices/{name}"]["get"]["responses"]["200"]["content"]) == ["text/csv"]
