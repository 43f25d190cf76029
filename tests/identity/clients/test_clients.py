"""Which keys and scopes software is registered with, without a database."""

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from services.identity.clients.domain import clients
from shared.errors import ClientError
from tests.infra.identity.identity_api import new_key, public


def test_a_key_is_registered_with_its_public_members_only() -> None:
    key = ECKey.generate_key("P-256", {"use": "sig"}, private=True)
    [kept] = clients.public_jwks([{**public(key), "comment": "of ward 3"}])
    assert kept.keys() == {"kty", "crv", "x", "y", "kid"}
    assert kept["kid"] == key.thumbprint()


@pytest.mark.parametrize(
    "key",
    [
        ECKey.generate_key("P-256"),
        RSAKey.generate_key(2048),
        OKPKey.generate_key("Ed25519"),
    ],
    ids=["EC", "RSA", "OKP"],
)
def test_three_families_of_public_keys_are_taken_and_their_private_halves_refused(key: ECKey | RSAKey | OKPKey) -> None:
    assert clients.public_jwks([public(key)])
    with pytest.raises(clients.KeyUnusableError):
        clients.public_jwks([dict(key.as_dict(private=True))])


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [{}],
        [{"kty": "EC"}],
        [{"kty": ["EC"]}],
        [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}],
        [{"kty": "RSA", "n": 5, "e": None}],
        [dict(OctKey.generate_key(256).as_dict(private=True))],
        [public(ECKey.generate_key("P-384"))],
        [{"kty": "RSA", "n": "8" + "A" * 169 + "E", "e": "AQAB"}],
        [public(OKPKey.generate_key("X25519"))],
        [{**public(new_key()), "kid": 7}],
        [{**public(new_key()), "kid": "k" * 129}],
        [{**public(new_key()), "kid": "same"}, {**public(new_key()), "kid": "same"}],
        [public(new_key()) for _ in range(5)],
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_a_key_that_proves_little_is_refused(keys: list[dict[str, object]]) -> None:
    with pytest.raises(clients.KeyUnusableError):
        clients.public_jwks(keys)


@pytest.mark.parametrize(
    ("name", "kind", "scopes", "organisation", "code"),
    [
        ("", "software", ["documents.deposit"], "1750000001", "client-invalid"),
        ("a\0b", "software", ["documents.deposit"], "1750000001", "client-invalid"),
        ("Hospital", "patient", ["documents.deposit"], "1750000001", "client-invalid"),
        ("Hospital", "software", [], "1750000001", "scope-unknown"),
        ("Hospital", "software", ["clients.write"], "1750000001", "scope-unknown"),
        ("Hospital", "software", ["documents.deposit"], None, "organisation-needed"),
        ("Office", "administrator", ["records.open"], "1750000001", "organisation-needed"),
        ("Hospital", "software", ["documents.deposit"], "a b", "national-id-invalid"),
    ],
)
def test_a_client_is_refused_with_the_reason(
    name: str, kind: str, scopes: list[str], organisation: str | None, code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        clients.new_client(name, kind, scopes, [public(new_key())], organisation)
    assert refused.value.code == code


def test_nobody_grants_more_than_they_hold_except_deposits() -> None:
    own = frozenset({"clients.write", "directory.write"})
    clients.check_grantable(frozenset({"documents.deposit", "directory.write"}), own)
    with pytest.raises(clients.ScopeNotGrantableError):
        clients.check_grantable(frozenset({"records.open"}), own)
