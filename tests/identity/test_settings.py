"""What identity refuses to start with."""

import pytest
from pydantic import ValidationError

from services.identity.settings import Settings
from tests.infra.identity.identity_api import KEYRING, RECEIPTS, SIGNING

ENVIRONMENT = {
    "IDENTITY_POSTGRES__DSN": "postgresql://identity_app:x@127.0.0.1/identity",
    "IDENTITY_KAFKA__BOOTSTRAP": "127.0.0.1:9092",
    "IDENTITY_TOKENS__ISSUER": "http://127.0.0.1:8401",
    "IDENTITY_TOKENS__JWKS_URL": "http://127.0.0.1:8401/.well-known/jwks.json",
    "IDENTITY_KEYS__INS_HMAC": KEYRING,
    "IDENTITY_KEYS__CONTACTS": KEYRING,
    "IDENTITY_KEYS__PEOPLE_TO_CALL": KEYRING,
    "IDENTITY_KEYS__PERSONS": KEYRING,
    "IDENTITY_KEYS__SIGNING": SIGNING,
    "IDENTITY_KEYS__RECEIPTS": RECEIPTS,
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def load() -> Settings:
    return Settings()


def test_the_environment_is_enough_and_the_conveniences_are_off_by_default(environment: pytest.MonkeyPatch) -> None:
    settings = load()
    assert settings.keys.signing.get_secret_value() == SIGNING
    assert (settings.demo.sign_in, settings.demo.test_nir_keys) == (False, False)


@pytest.mark.parametrize(
    ("retired", "present"), [("SLOT", "INSTANCE_ID"), ("BATCH", "MAX_POLL_RECORDS"), ("GATHER_MS", "LINGER_MS")]
)
def test_a_retired_setting_stops_the_start_and_names_its_successor(
    environment: pytest.MonkeyPatch, retired: str, present: str
) -> None:
    environment.setenv(f"IDENTITY_KAFKA__{retired}", "20")
    with pytest.raises(ValidationError, match=f"{retired} is called {present} now"):
        load()


def test_passwords_cost_an_attacker_what_owasp_asks_for(environment: pytest.MonkeyPatch) -> None:
    accounts = load().accounts
    assert (accounts.password_memory_kib, accounts.password_passes, accounts.password_lanes) == (19456, 2, 1)


@pytest.mark.parametrize(("name", "value"), [("MEMORY_KIB", "19455"), ("PASSES", "1"), ("LANES", "0")])
def test_a_service_does_not_start_with_cheaper_passwords(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(f"IDENTITY_ACCOUNTS__PASSWORD_{name}", value)
    with pytest.raises(ValidationError, match="greater than or equal"):
        load()


@pytest.mark.parametrize("name", ["SIGN_IN", "TEST_NIR_KEYS"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "identity.example"])
def test_conveniences_are_refused_where_the_api_listens_to_others(
    environment: pytest.MonkeyPatch, name: str, host: str
) -> None:
    environment.setenv("IDENTITY_HTTP__HOST", host)
    load()
    environment.setenv(f"IDENTITY_DEMO__{name}", "true")
    with pytest.raises(ValidationError, match="loopback"):
        load()


@pytest.mark.parametrize("name", ["SIGN_IN", "TEST_NIR_KEYS"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_conveniences_may_be_on_where_the_api_listens_to_this_machine_alone(
    environment: pytest.MonkeyPatch, name: str, host: str
) -> None:
    environment.setenv("IDENTITY_HTTP__HOST", host)
    environment.setenv(f"IDENTITY_DEMO__{name}", "true")
    assert load().http.host == host


@pytest.mark.parametrize("name", ["INS_HMAC", "CONTACTS", "PERSONS", "SIGNING", "RECEIPTS"])
def test_every_key_is_required(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(f"IDENTITY_KEYS__{name}")
    with pytest.raises(ValidationError, match="Field required"):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PERSONS", "k1:c2hvcnQ"),
        ("PERSONS", ""),
        ("CONTACTS", "without-a-colon"),
        ("SIGNING", "[]"),
        ("SIGNING", "{not json"),
        ("SIGNING", '[{"kty":"oct","k":"c2VjcmV0LXZhbHVl"}]'),
        ("SIGNING", '["c2VjcmV0LXZhbHVl"]'),
    ],
)
def test_an_unusable_key_is_told_without_showing_it(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(f"IDENTITY_KEYS__{name}", value)
    with pytest.raises(ValidationError) as refused:
        load()
    messages = "; ".join(error["msg"] for error in refused.value.errors())
    assert messages
    assert "c2" not in messages
