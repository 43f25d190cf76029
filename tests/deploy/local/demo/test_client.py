"""The client of the services: assertions, tokens, and errors in one line."""

from pathlib import Path

import httpx2
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.local.demo.client import Dmp, RefusedError, UnreachableError, assertion, load_key, problem_in
from deploy.local.platform.errors import LocalError

KEY = ECKey.generate_key("P-256", {"kid": "k"}, private=True)
URLS = {"identity": "http://identity.test", "records": "http://records.test"}


def answer(status: int, body: object) -> httpx2.Response:
    return httpx2.Response(status, content=orjson.dumps(body))


def dmp(handler: object) -> Dmp:
    return Dmp(httpx2.AsyncClient(transport=httpx2.MockTransport(handler)), URLS)  # type: ignore[arg-type]


def test_an_assertion_proves_its_client_for_a_minute() -> None:
    token = jwt.decode(assertion("client-1", KEY, "http://identity.test/oauth/token"), KEY, algorithms=["ES256"])
    assert token.header["kid"] == "k"
    assert (token.claims["iss"], token.claims["sub"]) == ("client-1", "client-1")
    assert token.claims["exp"] - token.claims["iat"] == 60
    assert token.claims["jti"] != jwt.decode(assertion("client-1", KEY, "x"), KEY, algorithms=["ES256"]).claims["jti"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"code": "traits-differ", "detail": "Other traits."}, ("traits-differ", "Other traits.")),
        ({"error": "invalid_client", "error_description": "No."}, ("invalid_client", "No.")),
        (
            {
                "resourceType": "OperationOutcome",
                "issue": [
                    {
                        "code": "invalid",
                        "details": {"coding": [{"code": "type-unknown"}]},
                        "diagnostics": "Not in JDV_J66.",
                        "expression": ["Bundle.entry[1]"],
                    },
                    {"code": "invalid", "diagnostics": "Second."},
                ],
            },
            ("type-unknown", "Not in JDV_J66. (at Bundle.entry[1]) Second."),
        ),
        ({"resourceType": "OperationOutcome", "issue": []}, ("unknown", "")),
        ([1], ("unexpected-answer", "the answer is an error of an unknown form")),
    ],
)
def test_errors_of_all_forms_are_understood(body: object, expected: tuple[str, str]) -> None:
    assert problem_in(answer(400, body)) == expected


def test_an_answer_that_is_no_json_is_an_error_too() -> None:
    assert problem_in(httpx2.Response(502, content=b"<html>")) == ("unexpected-answer", "the answer is not JSON")


async def test_a_token_is_asked_for_once_and_again_before_it_ends() -> None:
    sign_ins = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/demo/sign-in":
            sign_ins.append(orjson.loads(request.content))
            return answer(200, {"access_token": f"t{len(sign_ins)}", "expires_in": 300 if len(sign_ins) == 1 else 10})
        return answer(200, {"token": request.headers["authorization"]})

    patient = dmp(handler).patient("r1")
    for _ in range(2):
        assert (await patient.call("GET", "records", "/")).json() == {"token": "Bearer t1"}
    patient._token[:] = [(0.0, "t1")]
    assert (await patient.call("GET", "records", "/")).json() == {"token": "Bearer t2"}
    assert (await patient.call("GET", "records", "/")).json() == {"token": "Bearer t3"}
    assert sign_ins[0] == {"kind": "patient", "record_id": "r1"}


async def test_a_refusal_is_one_line_with_its_code() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == "identity.test":
            return answer(200, {"access_token": "t", "expires_in": 300})
        return answer(409, {"code": "unique-id-taken", "detail": "It stands\n    for another."})

    with pytest.raises(RefusedError) as caught:
        await dmp(handler).professional("899900000101").call("GET", "records", "/")
    assert str(caught.value) == "records refuses (409 unique-id-taken): It stands for another."
    assert (caught.value.status, caught.value.code) == (409, "unique-id-taken")


async def test_a_service_that_does_not_answer_is_named() -> None:
    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("refused")

    with pytest.raises(UnreachableError, match="identity does not answer: look with `dmp status`"):
        await dmp(handler).software("client-1", KEY).token()


def test_a_key_that_is_not_there_or_damaged_is_told(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    with pytest.raises(LocalError, match="dmp bootstrap"):
        load_key(path)
    for text in (b"{", b"{}", b'{"kty": "EC"}', b"[]"):
        path.write_bytes(text)
        with pytest.raises(LocalError, match="not a private JWK"):
            load_key(path)
    path.write_bytes(orjson.dumps(KEY.as_dict(private=True)))
    assert load_key(path).kid == "k"
