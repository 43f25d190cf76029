"""The proof that software brings: what is taken, and why anything else is not."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, OctKey, OKPKey, RSAKey

from services.identity.clients.domain.assertions import (
    AssertionRefusedError,
    VerifiedAssertion,
    unverified_client_id,
    verify_assertion,
)
from services.identity.clients.domain.clients import Client, KeyUnusableError, public_jwks
from tests.infra.http.tokens import ISSUER
from tests.infra.identity.identity_api import TOKEN_ENDPOINT, assertion, new_key, public

KEY, RSA = new_key(), RSAKey.generate_key(2048, {"kid": "rsa"})
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"})
AUDIENCES = (TOKEN_ENDPOINT, ISSUER)


def client_with(*keys: Key) -> Client:
    jwks: Any = {"keys": public_jwks([public(key) for key in keys])}
    registered = KeySet.import_key_set(jwks)
    return Client("client-1", "software", "active", frozenset({"documents.deposit"}), registered, "1750000001")


CLIENT = client_with(KEY, RSA, ED)


def verify(proof: str, client: Client = CLIENT) -> VerifiedAssertion:
    return verify_assertion(proof, client, AUDIENCES, datetime.now(UTC))


@dataclass
class In:
    """A moment, resolved when the test runs."""

    seconds: int

    def __int__(self) -> int:
        return int(datetime.now(UTC).timestamp()) + self.seconds


@pytest.mark.parametrize(
    ("key", "alg"),
    [(KEY, "ES256"), (RSA, "RS256"), (RSA, "PS256"), (ED, "EdDSA"), (ED, "Ed25519")],
    ids=["ES256", "RS256", "PS256", "EdDSA", "Ed25519"],
)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated:joserfc.errors.SecurityWarning")  # when the test signs
def test_each_algorithm_of_a_registered_key_is_taken(key: Key, alg: str) -> None:
    assert verify(assertion("client-1", key, alg=alg)).expires_at > datetime.now(UTC)


UNUSABLE: list[dict[str, Any]] = [
    {"kty": "EC", "crv": "BP-256", "kid": "bp", "use": "sig", "x": "AAAA", "y": "AAAA"},
    {"kty": "new", "kid": "unknown type"},
    {"kty": "RSA", "kid": "no modulus"},
    {**public(new_key()), "use": "enc"},
]


@pytest.mark.parametrize("unusable", UNUSABLE)
def test_a_key_that_cannot_be_used_takes_none_of_the_others_away(unusable: dict[str, Any]) -> None:
    assert [jwk["kid"] for jwk in public_jwks([unusable, public(KEY)])] == [KEY.kid]
    with pytest.raises(KeyUnusableError):
        public_jwks([unusable])


def test_a_private_key_is_refused_whatever_stands_beside_it() -> None:
    with pytest.raises(KeyUnusableError):
        public_jwks([public(KEY), new_key().as_dict(private=True)])
    with pytest.raises(KeyUnusableError):
        public_jwks([public(KEY), {**UNUSABLE[0], "d": "AAAA"}])


@pytest.mark.parametrize("audience", [TOKEN_ENDPOINT, ISSUER, ["https://other.example", ISSUER]])
def test_the_token_endpoint_and_the_issuer_are_both_addressed(audience: Any) -> None:
    assert verify(assertion("client-1", KEY, aud=audience)).expires_at > datetime.now(UTC)


def test_without_a_kid_every_key_of_the_client_is_tried() -> None:
    members: Any = {name: value for name, value in KEY.as_dict(private=True).items() if name != "kid"}
    bare = ECKey.import_key(members)
    proof = jwt.encode({"alg": "ES256"}, jwt.decode(assertion("client-1", KEY), KEY).claims, bare)
    assert verify(proof).expires_at > datetime.now(UTC)


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"exp": In(-90)}, "assertion-expired"),
        ({"nbf": In(90)}, "assertion-expired"),
        ({"iat": In(90)}, "assertion-expired"),
        ({"exp": In(390)}, "assertion-too-long"),
        ({"exp": 10**30}, "assertion-too-long"),
        ({"aud": "https://other.example/oauth/token"}, "assertion-misaddressed"),
        ({"aud": None}, "assertion-misaddressed"),
        ({"aud": {"a": 1}}, "assertion-misaddressed"),
        ({"iss": "client-2"}, "assertion-invalid"),
        ({"sub": "client-2"}, "assertion-invalid"),
        ({"iss": None}, "assertion-invalid"),
        ({"exp": None}, "assertion-invalid"),
        ({"exp": "soon"}, "assertion-invalid"),
        ({"exp": True}, "assertion-invalid"),
        ({"jti": None}, "assertion-invalid"),
        ({"jti": ""}, "assertion-invalid"),
        ({"jti": 7}, "assertion-invalid"),
        ({"jti": "j" * 257}, "assertion-invalid"),
    ],
)
def test_a_signed_assertion_that_says_the_wrong_thing_is_refused_with_the_reason(
    claims: dict[str, Any], code: str
) -> None:
    claim_values: dict[str, Any] = {
        name: int(value) if isinstance(value, In) else value for name, value in claims.items()
    }
    with pytest.raises(AssertionRefusedError) as refused:
        verify(assertion("client-1", KEY, **claim_values))
    assert refused.value.code == code
    assert refused.value.error == "invalid_client"


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": In(10), "exp": In(70)},
        {"iat": In(50), "nbf": In(50), "exp": In(350)},
        {"iat": In(-350), "nbf": In(-350), "exp": In(-50)},
    ],
)
def test_the_clock_of_a_client_may_be_a_minute_ahead_or_behind(claims: dict[str, In]) -> None:
    moments: dict[str, Any] = {name: int(moment) for name, moment in claims.items()}
    proof = assertion("client-1", KEY, **moments)
    assert verify(proof).expires_at > datetime.now(UTC)


def test_the_limit_of_five_minutes_allows_for_clocks() -> None:
    latest = int(In(350))
    verified = verify(assertion("client-1", KEY, exp=latest))
    assert verified.expires_at >= datetime.fromtimestamp(latest, UTC)


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forged() -> list[str]:
    """Assertions that the client's keys did not sign."""
    good = assertion("client-1", KEY)
    header, payload, signature = good.split(".")
    other = new_key()
    members: Any = {**other.as_dict(private=True), "kid": KEY.kid}
    same_kid = ECKey.import_key(members)
    as_secret = OctKey.import_key(json.dumps(public(RSA)).encode(), {"kid": "rsa"})
    return [
        assertion("client-1", other),
        assertion("client-1", same_kid),
        assertion("client-1", as_secret, alg="HS256"),
        f"{_segment({'alg': 'none'})}.{payload}.",
        f"{_segment({'alg': 'none', 'kid': KEY.kid})}.{payload}.{signature}",
        f"{header}.{_segment({'sub': 'client-1'})}.{signature}",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload}.",
    ]


@pytest.mark.parametrize("proof", forged())
def test_an_assertion_that_the_clients_key_did_not_sign_is_refused(proof: str) -> None:
    with pytest.raises(AssertionRefusedError) as refused:
        verify(proof)
    assert refused.value.code == "assertion-invalid"


DEEP = base64.urlsafe_b64encode(b"[" * 60_000).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b.c",
        "é.é.é",
        "\x00",
        "\ud800.a.b",
        f"{_segment([])}.{_segment({'sub': 'c'})}.x",
        f"{_segment({'alg': 'ES256'})}.{_segment([])}.x",
        f"{_segment({'alg': 'ES256'})}.{_segment({})}.x",
        f"{_segment({'alg': 'ES256'})}.{_segment({'sub': 5})}.x",
        f"{_segment({'alg': 'ES256'})}.{_segment({'sub': 'a b'})}.x",
        f"{_segment({'alg': 'ES256'})}.{_segment({'sub': 'a' + chr(0)})}.x",
        f"{_segment({'alg': 'ES256'})}.{_segment({'sub': 'a' * 65})}.x",
        f"{_segment({'alg': 'ES256'})}.{DEEP}.x",
        f"{_segment({'alg': 'ES256'})}.{'1' * 200_000}.x",
    ],
)
def test_garbage_is_refused_before_anything_is_looked_up(text: str) -> None:
    with pytest.raises(AssertionRefusedError):
        unverified_client_id(text)
    with pytest.raises(AssertionRefusedError):
        verify(text)
