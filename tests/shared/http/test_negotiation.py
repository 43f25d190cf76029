"""FHIR is answered in JSON, or not at all; a Binary also as its own content."""

from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request

from shared.errors import ClientError
from shared.http.negotiation import check_negotiation, is_resource_requested

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def request(query: str = "", **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "query_string": query.encode(), "headers": pairs, "method": "GET", "path": "/fhir"})


def outcome(made: Request, **options: Any) -> str:
    """Returns the code of the refusal, "" without one."""
    try:
        check_negotiation(made, **{"has_body": False, "has_content": False, **options})
    except ClientError as error:
        return error.code
    return ""


@pytest.mark.parametrize(
    ("accept", "resource", "content"),
    [
        (None, "", ""),
        ("", "", ""),
        ("*/*", "", ""),
        ("application/*", "", ""),
        ("application/fhir+json", "", ""),
        ("Application/FHIR+JSON;charset=utf-8", "", ""),
        ("application/json", "", ""),
        ("application/fhir+xml, application/fhir+json;q=0.5", "", ""),
        ("application/fhir+json; fhirVersion=4.0", "", ""),
        ("application/fhir+json; fhirVersion=3.0", "not-acceptable", "not-acceptable"),
        ("application/fhir+json;q=0", "not-acceptable", "not-acceptable"),
        ("application/fhir+json;q=0.000, */*;q=0.1", "", ""),
        ("application/fhir+xml", "not-acceptable", "not-acceptable"),
        ("application/pdf", "not-acceptable", ""),
        ("text/xml", "not-acceptable", ""),
        (BROWSER, "", ""),
        ("text/html", "not-acceptable", ""),
    ],
)
def test_accept_decides_without_a_format(accept: str | None, resource: str, content: str) -> None:
    made = request() if accept is None else request(accept=accept)
    assert (outcome(made), outcome(made, has_content=True)) == (resource, content)


@pytest.mark.parametrize(
    ("stated", "resource", "content"),
    [
        ("json", "", ""),
        ("application/json", "", ""),
        ("application/fhir+json", "", ""),
        ("application/fhir+json; fhirVersion=4.0", "", ""),
        ("application/fhir+json;fhirVersion=3.0", "not-acceptable", ""),
        ("xml", "not-acceptable", "not-acceptable"),
        ("text/xml", "not-acceptable", "not-acceptable"),
        ("application/fhir+xml", "not-acceptable", "not-acceptable"),
        ("html", "not-acceptable", "not-acceptable"),
        ("ttl", "not-acceptable", "not-acceptable"),
        ("application/pdf", "not-acceptable", ""),
    ],
)
def test_a_format_overrides_accept(stated: str, resource: str, content: str) -> None:
    for accept in ("application/fhir+json", "application/fhir+xml", "*/*"):
        made = request(urlencode({"_format": stated}), accept=accept)
        assert (outcome(made), outcome(made, has_content=True)) == (resource, content)
    form = urlencode({"_format": stated}).encode()
    assert outcome(request(accept="application/fhir+xml"), has_body=True, form=form) == resource


def test_an_unencoded_plus_in_a_format_is_a_plus() -> None:
    assert outcome(request("_format=application/fhir+json")) == ""


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "*/*", False),
        ("", "application/json", False),
        ("", "application/fhir+json", True),
        ("", "text/plain, application/fhir+json;q=0.1", True),
        ("_format=json", "text/plain", True),
        ("_format=application/pdf", "application/fhir+json", False),
    ],
)
def test_a_binary_is_a_resource_where_fhir_is_named(query: str, accept: str, expected: bool) -> None:
    assert is_resource_requested(request(query, accept=accept)) is expected


@pytest.mark.parametrize(
    ("content_type", "code"),
    [
        ("application/fhir+json", ""),
        ("application/fhir+json; fhirVersion=4.0", ""),
        ('application/fhir+json; charset=utf-8; fhirVersion="4.0"', ""),
        ("application/fhir+json; fhirVersion=3.0", "fhir-version-unsupported"),
        ("application/json-patch+json; FHIRVERSION=5.0", "fhir-version-unsupported"),
        ("application/fhir+xml", "media-type-unsupported"),
        ("text/plain", "media-type-unsupported"),
        ("application/x-www-form-urlencoded", ""),
    ],
)
def test_what_is_sent_is_json_of_r4(content_type: str, code: str) -> None:
    assert outcome(request(content_type=content_type), has_body=True) == code
