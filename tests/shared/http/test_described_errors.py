"""The errors that OpenAPI describes are the ones that are sent."""

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.generate import openapi
from shared.contracts.declarations import SERVICES


def errors(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yields path, status and description of each error."""
    for path, methods in document["paths"].items():
        for operation in methods.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    yield path, status, response


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_is_described_in_the_form_of_its_path(service: str) -> None:
    described = list(errors(openapi(service)))
    assert described
    for path, status, response in described:
        expected = "application/fhir+json" if path.startswith("/fhir") else "application/problem+json"
        if path != "/oauth/token":  # RFC 6749, section 5.2
            assert (path, status, list(response.get("content", {}))) == (path, status, [expected])


@pytest.mark.parametrize("service", SERVICES)
def test_no_form_of_errors_is_described_that_is_never_sent(service: str) -> None:
    document = openapi(service)
    assert {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys() == set()
    assert "HTTPValidationError" not in str(document["paths"])
