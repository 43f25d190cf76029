"""Six-digit codes, codes of an application, opaque tokens, names of devices."""

from datetime import UTC, datetime
from uuid import uuid4

import pyotp
import pytest

from services.identity.accounts.domain.accounts import lookup_keys
from services.identity.accounts.domain.codes import (
    Challenge,
    code_hash,
    codes_match,
    matching_totp_step,
    new_code,
    new_totp_secret,
    totp_uri,
)
from services.identity.accounts.domain.sessions import device_name, new_opaque_token, parse_opaque_token
from shared.crypto.keyring import Keyring
from tests.infra.identity.identity_api import KEYRING, OTHER_KEYRING

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LOOKUPS = lookup_keys(Keyring.parse(KEYRING))


def challenge(*codes: str, lookups: Keyring = LOOKUPS, decoy: bool = False) -> Challenge:
    id = uuid4()
    kept = tuple(code_hash(lookups, id, code, place) for place, code in enumerate(codes))
    return Challenge(id, "contact-change", None if decoy else uuid4(), kept, NOW)


def test_codes_are_six_digits_and_differ() -> None:
    codes = {new_code() for _ in range(200)}
    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(codes) > 190


@pytest.mark.parametrize(
    ("codes", "right"),
    [
        (("123456", "654321"), True),
        (("654321", "123456"), False),
        (("123456", "654322"), False),
        (("123456",), False),
        (("123456", "654321", "000000"), False),
        ((), False),
    ],
)
def test_all_codes_in_their_places_and_nothing_else(codes: tuple[str, ...], right: bool) -> None:
    assert codes_match(LOOKUPS, challenge("123456", "654321"), codes) is right


def test_a_code_is_bound_to_its_challenge_and_a_decoy_has_none() -> None:
    first, second = challenge("123456"), challenge("123456")
    assert first.codes != second.codes
    assert not codes_match(LOOKUPS, challenge(), ())
    assert not codes_match(LOOKUPS, challenge("123456", decoy=True), ("123456",))


def test_codes_outlive_a_rotation_of_the_key() -> None:
    rotated = lookup_keys(Keyring.parse(f"{OTHER_KEYRING},{KEYRING}"))
    assert codes_match(rotated, challenge("123456"), ("123456",))


def test_a_derived_key_is_none_of_the_ring_itself() -> None:
    ring = Keyring.parse(KEYRING)
    assert set(lookup_keys(ring).keys) == set(ring.keys)
    assert lookup_keys(ring)[ring.active] != ring[ring.active]


@pytest.mark.parametrize(("drift", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_an_application_may_be_half_a_minute_off(drift: int, is_taken: bool) -> None:
    secret, step = new_totp_secret(), int(NOW.timestamp()) // 30 + drift
    code = pyotp.TOTP(secret).generate_otp(step)
    assert (matching_totp_step(secret, code, NOW, 0) == step) is is_taken


def test_a_step_of_an_application_serves_once_and_never_an_older_one() -> None:
    secret, step = new_totp_secret(), int(NOW.timestamp()) // 30
    code = pyotp.TOTP(secret).generate_otp(step)
    assert matching_totp_step(secret, code, NOW, step - 1) == step
    assert matching_totp_step(secret, code, NOW, step) is None
    assert matching_totp_step(secret, code, NOW, step + 1) is None


def test_what_the_application_shows_names_nobody() -> None:
    uri = totp_uri("A" * 32, "Dossier médical")
    assert uri.startswith("otpauth://totp/Dossier")
    assert "secret=" + "A" * 32 in uri


def test_an_opaque_token_is_read_as_it_was_made() -> None:
    token = new_opaque_token(uuid4())
    assert parse_opaque_token(token.text) == token
    assert len(token.text) == 64


@pytest.mark.parametrize("text", ["", "é", "A" * 63, "A" * 65, "A" * 60 + "\x00\x00\x00\x00", "A" * 10_000])
def test_what_cannot_be_a_token_is_none(text: str) -> None:
    assert parse_opaque_token(text) is None


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("", "?"),
        ("curl/8", "?"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome, Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox, Android"),
        ("<b>Firefox</b> call 0899", "Firefox"),
    ],
)
def test_a_device_is_named_in_words_of_our_own(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name
