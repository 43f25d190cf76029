"""The erasure receipt: verified by anyone with the public keys alone; whatever is altered is refused."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from services.identity.erasure.domain import (
    TYPE,
    ErasureAcknowledgement,
    Receipt,
    ReceiptInvalidError,
    build_receipt,
    longest_retention,
    sign_receipt,
    verified_receipt,
)
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import CLEANED_WITHIN, DEAD_LETTERS_KEPT, FACTS_KEPT, SEGMENT_SPAN
from shared.crypto.signatures import ALGORITHM, SignatureKeys, SignatureKeysError

KEY = OKPKey.generate_key("Ed25519", {"kid": "one"}, private=True)
NEXT = OKPKey.generate_key("Ed25519", {"kid": "two"}, private=True)
KEYS = SignatureKeys.parse(json.dumps([KEY.as_dict(private=True)]))
PUBLISHED = {"keys": KEYS.public_jwks()}
T0 = datetime(2026, 11, 23, 10, tzinfo=UTC)


def signed(**changes: Any) -> Receipt:
    acknowledgements = tuple(
        ErasureAcknowledgement(
            service=service, acknowledged_at=T0 + timedelta(seconds=number), destroyed={"keys": number}
        )
        for number, service in enumerate(SERVICES)
    )
    receipt = build_receipt(UUID(int=1), UUID(int=2), "gdpr-decision", T0, acknowledgements, backups=timedelta(days=90))
    return receipt.model_copy(update=changes)


def test_a_receipt_tells_when_it_was_destroyed_and_from_when_no_backup_brings_it_back() -> None:
    receipt = verified_receipt(sign_receipt(KEYS, signed()), PUBLISHED)
    assert receipt == signed()
    assert receipt.destroyed_at == T0 + timedelta(seconds=4)
    assert receipt.unrecoverable_from == receipt.destroyed_at + timedelta(days=90)
    assert [acknowledgement.service for acknowledgement in receipt.acknowledgements] == sorted(SERVICES)


def test_topics_count_among_what_is_kept_longest() -> None:
    on_topics = max(FACTS_KEPT, DEAD_LETTERS_KEPT) + SEGMENT_SPAN + CLEANED_WITHIN
    assert longest_retention(timedelta(days=1)) == on_topics
    assert longest_retention(timedelta(days=400)) == timedelta(days=400)


def test_the_published_keys_hold_no_private_half_and_an_older_key_is_still_known() -> None:
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in KEYS.public_jwks())
    rotated = SignatureKeys.parse(json.dumps([NEXT.as_dict(private=True), KEY.as_dict(private=True)]))
    assert verified_receipt(sign_receipt(KEYS, signed()), {"keys": rotated.public_jwks()}) == signed()
    with pytest.raises(ReceiptInvalidError):
        verified_receipt(sign_receipt(rotated, signed()), PUBLISHED)


def part(number: int, change: Any) -> str:
    parts = sign_receipt(KEYS, signed()).split(".")
    decoded = base64.urlsafe_b64decode(parts[number] + "==")
    parts[number] = base64.urlsafe_b64encode(change(decoded)).decode().rstrip("=")
    return ".".join(parts)


def by(key: Any, header: dict[str, Any], algorithm: str, payload: str | None = None) -> str:
    return jws.serialize_compact(header, payload or signed().model_dump_json(), key, algorithms=[algorithm])


def unsigned() -> str:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "one", "typ": TYPE}).encode()).decode()
    return f"{header.rstrip('=')}.{sign_receipt(KEYS, signed()).split('.')[1]}."


def payload(**changes: Any) -> str:
    document = json.loads(signed().model_dump_json())
    header = {"alg": ALGORITHM, "kid": "one", "typ": TYPE}
    return by(KEY, header, ALGORITHM, json.dumps({**document, **changes}))


PUBLIC_TEXT = KEYS.public_jwks()[0]["x"].encode()
FOUR = json.loads(signed().model_dump_json())["acknowledgements"][:4]
BAD = {
    "another count": part(1, lambda data: data.replace(b'"keys":4', b'"keys":5')),
    "an earlier T2": part(1, lambda data: data.replace(b"2027", b"2026")),
    "another record": part(1, lambda data: data.replace(b"0002", b"0003")),
    "another key id": part(0, lambda data: data.replace(b"one", b"two")),
    "another signature": part(2, lambda data: bytes([data[0] ^ 1]) + data[1:]),
    "a cut signature": sign_receipt(KEYS, signed())[:-8],
    "no signature": sign_receipt(KEYS, signed()).rpartition(".")[0] + ".",
    "alg none": unsigned(),
    "a foreign key of the same id": by(
        OKPKey.generate_key("Ed25519", {"kid": "one"}, private=True),
        {"alg": ALGORITHM, "kid": "one", "typ": TYPE},
        ALGORITHM,
    ),
    "an HMAC under the public key": by(
        OctKey.import_key(PUBLIC_TEXT), {"alg": "HS256", "kid": "one", "typ": TYPE}, "HS256"
    ),
    "ECDSA": by(
        ECKey.generate_key("P-256", {"kid": "one"}, private=True), {"alg": "ES256", "kid": "one", "typ": TYPE}, "ES256"
    ),
    "another kind of thing under the same key": by(KEY, {"alg": ALGORITHM, "kid": "one", "typ": "at+jwt"}, ALGORITHM),
    "four acknowledgements": payload(acknowledgements=FOUR),
    "one service twice": payload(acknowledgements=[*FOUR, FOUR[0]]),
    "a T1 that nobody said": payload(destroyed_at="2026-11-23T10:00:00Z"),
    "a T2 before T1": payload(unrecoverable_from="2026-11-23T09:00:00Z"),
    "a T2 without a zone": payload(unrecoverable_from="2027-11-23T09:00:00"),
    "more than it has": payload(name="somebody"),
    "nothing": "",
    "no receipt": "hello",
    "blanks inside": sign_receipt(KEYS, signed()).replace(".", ". ", 1),
    "not ASCII": "é.é.é",
    "too long": sign_receipt(KEYS, signed()) + "A" * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_tampered_receipt_is_refused(case: str) -> None:
    with pytest.raises(ReceiptInvalidError):
        verified_receipt(BAD[case], PUBLISHED)


@pytest.mark.parametrize("beside", [{"kty": "OKP", "crv": "Ed9", "kid": "x", "x": "AAAA"}, {"kty": "new"}, "x"])
def test_a_receipt_is_verified_although_an_unusable_key_is_published_beside_its_own(beside: object) -> None:
    assert verified_receipt(sign_receipt(KEYS, signed()), {"keys": [beside, *KEYS.public_jwks()]}) == signed()


@pytest.mark.parametrize("published", [{}, {"keys": []}, {"keys": [{}]}, [], None, "x", {"keys": [{"kty": "OKP"}]}])
def test_without_usable_public_keys_nothing_is_vouched_for(published: object) -> None:
    with pytest.raises(ReceiptInvalidError):
        verified_receipt(sign_receipt(KEYS, signed()), published)


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "[1]", '["c2VjcmV0"]', json.dumps([KEY.as_dict(private=False)]),
        json.dumps([KEY.as_dict(private=True)] * 2),
        json.dumps([ECKey.generate_key("P-256", {"kid": "a"}, private=True).as_dict(private=True)]),
        json.dumps([OKPKey.generate_key("X25519", {"kid": "a"}, private=True).as_dict(private=True)]),
    ],
)  # fmt: skip
def test_unusable_keys_of_receipts_are_refused(text: str) -> None:
    with pytest.raises(SignatureKeysError):
        SignatureKeys.parse(text)
