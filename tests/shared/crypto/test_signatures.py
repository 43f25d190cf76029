"""Signatures: verified by anybody with the published keys, whether the payload stands in them or elsewhere."""

import json

import pytest
from joserfc.jwk import OKPKey

from shared.crypto.signatures import SignatureInvalidError, SignatureKeys, check_detached, verified_payload

KEYS = SignatureKeys.parse(json.dumps([OKPKey.generate_key("Ed25519", {"kid": "one"}).as_dict(private=True)]))
PUBLISHED = {"keys": KEYS.public_jwks()}
KIND, PAYLOAD = "note+jws", b'{"files": 3}'


def test_a_payload_is_taken_from_its_signature() -> None:
    assert verified_payload(KEYS.sign(PAYLOAD, KIND), PUBLISHED, KIND) == PAYLOAD


def test_a_payload_that_stands_elsewhere_is_checked_byte_for_byte() -> None:
    signature = KEYS.sign_detached(PAYLOAD, KIND)
    check_detached(signature, PAYLOAD, PUBLISHED, KIND)
    for position in range(len(PAYLOAD)):
        changed = PAYLOAD[:position] + bytes([PAYLOAD[position] ^ 1]) + PAYLOAD[position + 1 :]
        with pytest.raises(SignatureInvalidError):
            check_detached(signature, changed, PUBLISHED, KIND)


@pytest.mark.parametrize("signature", ["", ".", "..", "a..b", KEYS.sign(PAYLOAD, KIND), "é..é"])
def test_no_signature_vouches_for_nothing(signature: str) -> None:
    with pytest.raises(SignatureInvalidError):
        check_detached(signature, PAYLOAD, PUBLISHED, KIND)


def test_a_signature_is_not_passed_off_as_one_of_another_kind() -> None:
    with pytest.raises(SignatureInvalidError):
        check_detached(KEYS.sign_detached(PAYLOAD, "other+jws"), PAYLOAD, PUBLISHED, KIND)
    with pytest.raises(SignatureInvalidError):
        verified_payload(KEYS.sign(PAYLOAD, "other+jws"), PUBLISHED, KIND)
