"""A table of bad access tokens, like Wycheproof's: each differs from a good one in one point."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from shared.errors import NotAuthenticatedError
from shared.http.tokens import TokenVerifier
from tests.infra.http.tokens import ISSUER, KEY, SETTINGS, TestKeys, make_token

NOW = int(time.time())
HEADER: dict[str, Any] = {"alg": "ES256", "kid": "test", "typ": "at+jwt"}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "dmp",
    "sub": "p-1",
    "client_id": "c-1",
    "iat": NOW,
    "exp": NOW + 86_400,
    "jti": "j-1",
    "scope": "",
    "dmp": {"kind": "patient"},
}
OTHER = ECKey.generate_key("P-256", {"kid": "test"}, private=True)
PUBLIC_JWK = OTHER.as_dict(private=False)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def raw(header: str, claims: str, key: ECKey = KEY) -> str:
    """Returns a token signed with the right algorithm, whatever header and claims say."""
    signed = f"{b64(header.encode())}.{b64(claims.encode())}"
    return f"{signed}.{b64(es256(signed, key))}"


def es256(signed: str, key: ECKey) -> bytes:
    algorithm = jws.JWSRegistry.algorithms["ES256"]
    made: bytes = algorithm.sign(signed.encode(), key)
    return made


def token(header: dict[str, Any] | None = None, key: ECKey = KEY, **claims: Any) -> str:
    """Returns a token; members that are None are left out."""
    segments = [{**HEADER, **(header or {})}, {**CLAIMS, **claims}]
    texts = [json.dumps({name: value for name, value in part.items() if value is not None}) for part in segments]
    return raw(texts[0], texts[1], key)


def parts(change: Callable[[list[str]], list[str]]) -> str:
    return ".".join(change(token().split(".")))


def hmac_with(secret: bytes) -> str:
    signed = f"{b64(json.dumps({**HEADER, 'alg': 'HS256'}).encode())}.{b64(json.dumps(CLAIMS).encode())}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}"


def public_pem() -> bytes:
    public: Any = KEY.public_key
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    made: bytes = public.public_bytes(serialization.Encoding.PEM, form)
    return made


def unsigned(alg: str) -> str:
    return f"{b64(json.dumps({**HEADER, 'alg': alg}).encode())}.{b64(json.dumps(CLAIMS).encode())}."


def signature(data: bytes) -> str:
    return parts(lambda p: [p[0], p[1], b64(data)])


def der() -> bytes:
    made = base64.urlsafe_b64decode(token().split(".")[2] + "==")
    return encode_dss_signature(int.from_bytes(made[:32], "big"), int.from_bytes(made[32:], "big"))


def rsa() -> str:
    key = RSAKey.generate_key(2048, {"kid": "test"}, private=True)
    return jws.serialize_compact({**HEADER, "alg": "RS256"}, json.dumps(CLAIMS), key, ["RS256"])


def text_with(member: str) -> str:
    return json.dumps(CLAIMS)[:-1] + "," + member + "}"


BAD: dict[str, str] = {
    "alg none": unsigned("none"),
    "alg None": unsigned("None"),
    "alg nOnE, padded": unsigned("nOnE") + "A" * 86,
    "alg none in an ES256 token": token({"alg": "none"}),
    "alg missing": token({"alg": None}),
    "alg empty": token({"alg": ""}),
    "alg a list": token({"alg": ["ES256"]}),
    "alg of another case": token({"alg": "es256"}),
    "HS256 with the public key as PEM": hmac_with(public_pem()),
    "HS256 with the public key as JWK": hmac_with(json.dumps(KEY.as_dict(private=False)).encode()),
    "HS256 with x": hmac_with(str(KEY.as_dict(private=False)["x"]).encode()),
    "HS256 with nothing": hmac_with(b""),
    "HS256 with a key of its own": jws.serialize_compact(
        {**HEADER, "alg": "HS256"}, json.dumps(CLAIMS), OctKey.generate_key(256), ["HS256"]
    ),
    "RS256": rsa(),
    "ES384 said, ES256 signed": token({"alg": "ES384"}),
    "another key with the same kid": token(key=OTHER),
    "kid unknown": token({"kid": "another"}),
    "kid missing": token({"kid": None}),
    "kid a number": token({"kid": 7}),
    "kid a path": token({"kid": "../../../../dev/null"}),
    "kid an SQL statement": token({"kid": "test' union select 'x' --"}),
    "jwk embedded, signed with it": token({"jwk": PUBLIC_JWK}, OTHER),
    "jwk embedded, signed rightly": token({"jwk": PUBLIC_JWK}),
    "jku": token({"jku": "https://evil.example/jwks.json"}, OTHER),
    "x5u": token({"x5u": "https://evil.example/cert.pem"}, OTHER),
    "x5c": token({"x5c": ["MIIB"]}, OTHER),
    "crit unknown": token({"crit": ["exp"]}),
    "crit empty": token({"crit": []}),
    "crit b64 false": token({"crit": ["b64"], "b64": False}),
    "zip": token({"zip": "DEF"}),
    "cty": token({"cty": "JWT"}),
    "typ missing": token({"typ": None}),
    "typ JWT": token({"typ": "JWT"}),
    "typ of a logout token": token({"typ": "logout+jwt"}),
    "typ in capitals": token({"typ": "AT+JWT"}),
    "issuer another": token(iss="http://elsewhere"),
    "issuer with a slash more": token(iss=ISSUER + "/"),
    "issuer in a list": token(iss=[ISSUER]),
    "issuer missing": token(iss=None),
    "audience another": token(aud="another"),
    "audience empty": token(aud=""),
    "audience a list of others": token(aud=["another", "third"]),
    "audience missing": token(aud=None),
    "audience with a foreign entry": token(aud=["dmp", "another"]),
    "expired": token(exp=NOW - 60),
    "expired, beyond the skew": token(exp=NOW - 7),
    "expired long ago": token(exp=0),
    "expiry negative": token(exp=-1),
    "expiry missing": token(exp=None),
    "expiry a text": token(exp=str(NOW + 86_400)),
    "expiry true": raw(json.dumps(HEADER), json.dumps({**CLAIMS, "exp": True})),
    "expiry not a number": raw(json.dumps(HEADER), json.dumps({**CLAIMS, "exp": float("nan")})),
    "not yet valid": token(nbf=NOW + 86_400),
    "issued in the future": token(iat=NOW + 86_400),
    "subject missing": token(sub=None),
    "subject a number": token(sub=7),
    "subject an object": token(sub={"id": "p-1"}),
    "client missing": token(client_id=None),
    "kind missing": token(dmp={}),
    "kind unknown": token(dmp={"kind": "pirate"}),
    "grant a text": token(dmp="patient"),
    "grant missing": token(dmp=None),
    "record no id": token(dmp={"kind": "patient", "record_id": "1"}),
    "session no id": token(sid="1"),
    "session a number": token(sid=7),
    "member twice: alg": raw('{"alg":"none","kid":"test","typ":"at+jwt","alg":"ES256"}', json.dumps(CLAIMS)),
    "member twice: kid": raw('{"alg":"ES256","kid":"x","typ":"at+jwt","kid":"test"}', json.dumps(CLAIMS)),
    "member twice: exp": raw(json.dumps(HEADER), text_with(f'"exp":{NOW + 9000}')),
    "member twice: sub": raw(json.dumps(HEADER), text_with('"sub":"p-2"')),
    "member twice, escaped": raw(json.dumps(HEADER), text_with('"s\\u0075b":"p-2"')),
    "member twice, deep": raw(
        json.dumps(HEADER), json.dumps({**CLAIMS, "dmp": None})[:-1] + ',"x":{"kind":"a","kind":"b"}}'
    ),
    "nothing": "",
    "a dot": ".",
    "two dots": "..",
    "one part": token().split(".")[0],
    "two parts": ".".join(token().split(".")[:2]),
    "four parts": token() + ".AAAA",
    "five parts, as a JWE": ".".join([*token().split("."), "A", "A"]),
    "signature missing": parts(lambda p: [p[0], p[1], ""]),
    "signature cut": token()[:-1],
    "signature one longer": token() + "A",
    "signature of zeros": signature(bytes(64)),
    "signature r = 0, s = 1": signature(bytes(63) + b"\x01"),
    "signature r = s = n": signature(ORDER.to_bytes(32, "big") * 2),
    "signature of ones": signature(b"\xff" * 64),
    "signature as DER": signature(der()),
    "signature twice": parts(lambda p: [p[0], p[1], p[2] + p[2]]),
    "signature of another token": parts(lambda p: [p[0], p[1], token(sub="p-2").split(".")[2]]),
    "signature with spare bits": parts(lambda p: [p[0], p[1], p[2][:-1] + chr(ord(p[2][-1]) + 1)]),
    "claims of another token": parts(lambda p: [p[0], token(sub="p-2").split(".")[1], p[2]]),
    "header of another token": parts(lambda p: [b64(json.dumps({**HEADER, "kid": "test "}).encode()), p[1], p[2]]),
    "padded": parts(lambda p: [p[0] + "=", p[1], p[2]]),
    "base64 of the other alphabet": parts(lambda p: [p[0], p[1], "+/" + p[2][2:]]),
    "blank before": " " + token(),
    "blank after": token() + " ",
    "line end after": token() + "\n",
    "line end inside": token()[:40] + "\n" + token()[40:],
    "NUL after": token() + "\x00",
    "letters of other scripts": "а" + token()[1:],
    "header no JSON": raw("{", json.dumps(CLAIMS)),
    "header an array": raw("[]", json.dumps(CLAIMS)),
    "header null": raw("null", json.dumps(CLAIMS)),
    "claims an array": raw(json.dumps(HEADER), "[]"),
    "claims a text": raw(json.dumps(HEADER), '"p-1"'),
    "claims no JSON": raw(json.dumps(HEADER), "{"),
    "claims no UTF-8": parts(lambda p: [p[0], b64(b'{"sub":"\xff"}'), p[2]]),
    "claims deep": raw(json.dumps(HEADER), "[" * 5000 + "]" * 5000)[:8000],
    "claims very deep": f"{b64(json.dumps(HEADER).encode())}.{b64(b'[' * 5900)}." + "A" * 86,
    "very long": token(jti="x" * 20_000),
    "as JSON": json.dumps({"payload": "e30", "signatures": []}),
}


@pytest.mark.parametrize("session", [None, str(uuid4())])
async def test_a_good_token_is_taken(session: str | None) -> None:
    caller = await TokenVerifier(SETTINGS, TestKeys()).verify(token(sid=session))
    assert caller.id == "p-1"
    assert (None if caller.session_id is None else str(caller.session_id)) == session
    assert (await TokenVerifier(SETTINGS, TestKeys()).verify(make_token("patient", "p-2", aud=["dmp"]))).id == "p-2"


@pytest.mark.parametrize("change", [{"exp": NOW - 1}, {"nbf": NOW + 3}, {"iat": NOW + 3}])
async def test_a_clock_may_be_a_few_seconds_off(change: dict[str, Any]) -> None:
    if "exp" in change:
        change = {"exp": int(time.time()) - 1}
    assert (await TokenVerifier(SETTINGS, TestKeys()).verify(token(**change))).id == "p-1"


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_token_is_refused(what: str) -> None:
    with pytest.raises(NotAuthenticatedError):
        await TokenVerifier(SETTINGS, TestKeys()).verify(BAD[what])


async def test_a_bad_token_is_refused_after_a_good_one_of_the_same_claims() -> None:
    verifier = TokenVerifier(SETTINGS, TestKeys())
    assert (await verifier.verify(token())).id == "p-1"
    for what in ("alg none", "signature cut", "another key with the same kid", "kid missing"):
        with pytest.raises(NotAuthenticatedError):
            await verifier.verify(BAD[what])


async def test_no_token_is_taken_where_no_key_is_known() -> None:
    class Nothing(TestKeys):
        async def current(self) -> KeySet:
            return KeySet([])

        refreshed = current

    with pytest.raises(NotAuthenticatedError):
        await TokenVerifier(SETTINGS, Nothing()).verify(token())
