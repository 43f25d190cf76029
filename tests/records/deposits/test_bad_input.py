"""Whatever is sent to records gets the right 4xx that says what to do; never a 5xx, never a trace of our inside."""

import base64
import gzip
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx2
import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from shared.runtime.settings import HttpSettings
from shared.values import Ins
from tests.infra.http.tokens import bearer, make_token, software_token
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Databases
from tests.infra.records.records_api import (
    HOSPITAL,
    RecordsApi,
    a_deposit,
    as_doctor,
    as_patient,
    as_software,
    bundle_of,
    changed_bundle,
    codes,
    run_records_api,
)

SOMEBODY = Person(61)
LIMIT = 4 * 1024 * 1024
Json = dict[str, Any]


@pytest_asyncio.fixture(scope="module")
async def api(databases: Databases) -> AsyncIterator[RecordsApi]:
    database = await databases.new("records")
    async with run_records_api(database, http=HttpSettings(body_limit=LIMIT)) as made:
        await made.be_fresh()
        await made.open_record(SOMEBODY)
        yield made
    await databases.give_back(database)


def is_outcome(answer: httpx2.Response) -> bool:
    body = answer.json()
    has_diagnostics = all(issue["diagnostics"] for issue in body["issue"])
    return (
        answer.headers["content-type"] == "application/fhir+json"
        and body["resourceType"] == "OperationOutcome"
        and has_diagnostics
    )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "json-invalid"),
        (b"{", 400, "json-invalid"),
        (b"[]", 400, "json-invalid"),
        (b"null", 400, "json-invalid"),
        (b'{"resourceType": "Patient"}', 400, "resource-unexpected"),
        (b"\xff\xfe{\x00}\x00", 422, "nul-character"),
        (b'{"resourceType": "Bundle\xc3("}', 400, "json-invalid"),
        (b'{"a": ' * 5000 + b"1" + b"}" * 5000, 400, "json-too-deep"),
        (b"[" * 100_000, 400, None),
        (b'{"resourceType": "Bundle", "type": "transaction", "x": "a\\u0000b"}', 422, "nul-character"),
        (b'{"resourceType": "Bundle", "type": "transaction"}', 422, "element-missing"),
        (b'{"resourceType": "Bundle", "type": "batch", "entry": []}', 422, "bundle-type-unexpected"),
        (b"<Bundle/>", 400, "json-invalid"),
    ],
)
async def test_what_is_no_submission_is_refused(api: RecordsApi, body: bytes, status: int, code: str | None) -> None:
    answer = await api.deposit(body)
    assert answer.status_code == status, answer.text
    assert is_outcome(answer)
    assert code is None or code in codes(answer)


def document(bundle: Json) -> Json:
    element: Json = bundle["entry"][1]["resource"]
    return element


def attachment(bundle: Json) -> Json:
    element: Json = document(bundle)["content"][0]["attachment"]
    return element


CHANGES: list[tuple[str, Callable[[Json], Any]]] = [
    ("type-unknown", lambda b: document(b)["type"]["coding"][0].update(code="34105-7")),
    ("hash-mismatch", lambda b: attachment(b).update(hash=base64.b64encode(b"\0" * 20).decode())),
    ("size-mismatch", lambda b: attachment(b).update(size=1)),
    ("base64-invalid", lambda b: b["entry"][2]["resource"].update(data="%%%")),
    ("content-missing", lambda b: b["entry"][2]["resource"].pop("data")),
    ("binary-missing", lambda b: b["entry"].pop(2)),
    ("document-missing", lambda b: b["entry"].pop(1)),
    ("submission-set-missing", lambda b: b["entry"].pop(0)),
    ("security-label-unknown", lambda b: document(b)["securityLabel"][0]["coding"][0].update(code="X")),
    ("element-missing", lambda b: document(b).pop("masterIdentifier")),
    ("element-forbidden", lambda b: document(b).update(docStatus="final")),
    ("element-too-long", lambda b: attachment(b).update(title="x" * 5000)),
]


@pytest.mark.parametrize(("code", "change"), CHANGES, ids=[code for code, _ in CHANGES])
async def test_what_a_submission_says_wrongly_is_named_with_its_place(
    api: RecordsApi, code: str, change: Callable[[Json], Any]
) -> None:
    answer = await api.deposit(changed_bundle(bundle_of(a_deposit(SOMEBODY)), change))
    assert answer.status_code == 422, answer.text
    assert is_outcome(answer)
    assert code in codes(answer)
    assert all("expression" in issue for issue in answer.json()["issue"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "xml-doctype-refused"),
        (b"<a>\0</a>", "nul-character"),
        (b"<a>" * 5000 + b"</a>" * 5000, "xml-too-deep"),
        (b"<a>", "xml-invalid"),
        (b"   ", "xml-empty"),
        (b"<a>\xff</a>", "xml-invalid"),
        ("<a/>".encode("utf-16"), "nul-character"),
    ],
)
async def test_xml_that_could_do_harm_is_refused(api: RecordsApi, content: bytes, code: str) -> None:
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, content=content, content_type="text/xml")))
    assert (answer.status_code, codes(answer)) == (422, [code])
    assert "data" in answer.json()["issue"][0]["expression"][0]


async def test_an_ins_that_is_none_is_refused(api: RecordsApi) -> None:
    for ins in (Ins("123", "1.2.250.1.213.1.4.10"), Ins(SOMEBODY.ins, "1.2.250.1.213.1.4.2"), Ins(SOMEBODY.ins, "1.2")):
        answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, ins=ins)))
        assert answer.status_code == 422
        assert SOMEBODY.ins not in answer.text


async def test_a_body_over_the_limit_is_refused_without_reading_it(api: RecordsApi) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    headers = {**bearer(as_software()), "content-type": "application/fhir+json"}
    announced = await api.client.post("/fhir", content=b"x", headers={**headers, "content-length": str(200_000_000)})
    assert (announced.status_code, codes(announced)) == (413, ["body-too-large"])
    streamed = await api.client.post("/fhir", content=endless(), headers=headers)
    assert (streamed.status_code, codes(streamed)) == (413, ["body-too-large"])
    assert sent <= LIMIT + 2 * 65_536


async def test_compressed_bodies_and_other_formats_are_refused(api: RecordsApi) -> None:
    bomb = gzip.compress(b"0" * 10_000_000)
    packed = await api.deposit(bomb, **{"content-encoding": "gzip"})
    assert (packed.status_code, codes(packed)) == (415, ["encoding-unsupported"])
    for kind in ("application/fhir+xml", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)), **{"content-type": kind})
        assert (answer.status_code, codes(answer)) == (415, ["media-type-unsupported"]), kind
    older = "application/fhir+json; fhirVersion=3.0"
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY)), **{"content-type": older})
    assert (answer.status_code, codes(answer)) == (415, ["fhir-version-unsupported"])


async def test_tokens_that_are_not_good_are_refused(api: RecordsApi) -> None:
    body = bundle_of(a_deposit(SOMEBODY))
    granted: Json = {"organisation_id": HOSPITAL, "scope": "documents.deposit"}
    bad = [
        make_token("software", "s", exp=int(time.time()) - 60, **granted),
        make_token("software", "s", key=ECKey.generate_key("P-256", {"kid": "test"}, private=True), **granted),
        make_token("software", "s", iss="http://elsewhere", **granted),
        make_token("software", "s", aud="other", **granted),
        make_token("software", "s", **granted)[:-4],
        "x.y.z",
        "é",
    ]
    for authorization in ("", "Basic eDp5", *(f"Bearer {token}" for token in bad)):
        headers = {b"authorization": authorization.encode(), b"content-type": b"application/json"}
        answer = await api.client.post("/fhir", content=body, headers=headers)
        assert (answer.status_code, codes(answer)) == (401, ["token-invalid"])
        assert "www-authenticate" in answer.headers
    wrong = [
        software_token("s", HOSPITAL, scope=""),
        make_token("software", "s", scope="documents.deposit"),
        as_doctor(),
        as_patient(uuid4()),
    ]
    for token in wrong:
        answer = await api.deposit(body, **bearer(token))
        assert (answer.status_code, codes(answer)) == (403, ["forbidden"])


async def test_paths_and_methods_that_are_not_there_are_answered_as_outcomes(api: RecordsApi) -> None:
    for method, path, status in (
        ("GET", "/fhir", 405),
        ("DELETE", "/fhir/Binary/x", 405),
        ("GET", "/fhir/Patient/x", 404),
        ("PATCH", "/fhir/DocumentReference", 405),
    ):
        answer = await api.client.request(method, path, headers=bearer(as_software()))
        assert answer.status_code == status
        assert is_outcome(answer)


async def test_a_content_type_that_could_break_a_header_is_not_answered_with(api: RecordsApi) -> None:
    for odd in (
        "text/plain; a=\rset-cookie: b",
        "text/\u017fvg",
        "text/plain; charset=\u00e9",
        "text/html; charset=utf-8",
    ):
        answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, content_type=odd)))
        if answer.status_code == 422:
            continue
        location = next(
            e["response"]["location"] for e in answer.json()["entry"] if "Binary" in e["response"]["location"]
        )
        got = await api.get(f"/fhir/{location}", as_software())
        assert got.status_code == 200
        assert got.headers["content-type"] in ("text/plain", "application/octet-stream", "text/html; charset=utf-8")
        assert "sandbox" in got.headers["content-security-policy"]
        assert "set-cookie" not in got.headers


RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in the JSON."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(place for key, item in inside for place in places(item, (*path, key)))]


@RELAXED
@given(body=st.binary(max_size=2000))
async def test_no_bytes_whatever_give_a_5xx(api: RecordsApi, body: bytes) -> None:
    answer = await api.deposit(body)
    assert 400 <= answer.status_code < 500
    assert is_outcome(answer)


@RELAXED
@given(data=st.data())
async def test_no_changed_submission_gives_a_5xx(api: RecordsApi, data: st.DataObject) -> None:
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY, unique_id="urn:oid:1.2.3")))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(bundle)))
        place: Any = bundle
        for step in path[:-1]:
            place = place[step]
        if data.draw(st.booleans()):
            del place[path[-1]]
        else:
            place[path[-1]] = data.draw(VALUES)
        if not places(bundle):
            break
    try:
        body = orjson.dumps(bundle)
    except TypeError:  # what JSON cannot say
        return
    answer = await api.deposit(body)
    assert answer.status_code < 500, answer.text


@RELAXED
@given(content=st.binary(min_size=1, max_size=500), wrapped=st.booleans())
async def test_no_content_gives_a_5xx(api: RecordsApi, content: bytes, wrapped: bool) -> None:
    xml = b"<a>" + content + b"</a>" if wrapped else content
    answer = await api.deposit(bundle_of(a_deposit(SOMEBODY, content=xml, content_type="text/xml")))
    assert answer.status_code in (200, 422)


@RELAXED
@given(query=st.binary(max_size=200), id=st.text(max_size=40))
async def test_no_question_gives_a_5xx(api: RecordsApi, query: bytes, id: str) -> None:
    form = {"content-type": "application/x-www-form-urlencoded", **bearer(as_doctor())}
    answers = [
        await api.client.post("/fhir/DocumentReference/_search", content=query, headers=form),
        await api.client.get(f"/fhir/DocumentReference?{quote(query)}", headers=bearer(as_doctor())),
        await api.client.get(f"/fhir/Binary/{quote(id, safe='')}", headers=bearer(as_doctor())),
        await api.client.get(f"/deposits/{quote(id, safe='')}", headers=bearer(as_software())),
    ]
    assert all(answer.status_code < 500 for answer in answers)


async def test_the_deposit_of_a_bad_input_leaves_nothing_behind(api: RecordsApi) -> None:
    before = await api.pool.fetchval("select count(*) from deposits")
    for code, change in CHANGES:
        answer = await api.deposit(changed_bundle(bundle_of(a_deposit(SOMEBODY)), change))
        assert code in codes(answer)
    assert await api.pool.fetchval("select count(*) from deposits") == before
