"""The keys that sign access tokens, without a database."""

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from services.identity.clients.domain.tokens import SigningKeys, SigningKeysError, TokenIssuer, TokenSubject
from tests.infra.identity.identity_api import new_key

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


async def test_the_first_key_signs_and_all_are_published_without_their_secrets() -> None:
    old, new = new_key(), new_key()
    both = SigningKeys.parse(json.dumps([old.as_dict(private=True), new.as_dict(private=True)]))
    issuer = TokenIssuer("https://identity.example/", "dmp", "https://identity.example/jwks", both)
    token = issuer.issue(TokenSubject("patient", "p", "c", record_id=UUID(int=1)), token_id=uuid4(), now=NOW)
    decoded = jwt.decode(token.text, await both.current(), algorithms=["ES256"])
    assert decoded.header == {"alg": "ES256", "kid": old.kid, "typ": "at+jwt"}
    assert decoded.claims["exp"] - decoded.claims["iat"] == 300
    assert decoded.claims["dmp"] == {"kind": "patient", "record_id": str(UUID(int=1))}
    assert [key["kid"] for key in both.published()] == [old.kid, new.kid]
    assert all("d" not in key for key in both.published())
    assert issuer.token_endpoint == "https://identity.example/oauth/token"


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [new_key().as_dict(private=False)],
        [ECKey.generate_key("P-384", {"kid": "a"}).as_dict(private=True)],
        [ECKey.generate_key("P-256").as_dict(private=True, kid=None)],
        [OctKey.generate_key(256, {"kid": "a"}).as_dict(private=True)],
        [{**new_key().as_dict(private=True), "kid": "a"}, {**new_key().as_dict(private=True), "kid": "a"}],
    ],
)
def test_signing_keys_that_cannot_sign_are_refused(keys: list[dict[str, object]]) -> None:
    with pytest.raises(SigningKeysError):
        SigningKeys.parse(json.dumps(keys))
