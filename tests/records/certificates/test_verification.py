"""A certificate counts where every byte is the issuer's, the issuer is trusted, and its list does not revoke it."""

import base64
import json
import random
import zlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jws

from services.records.certificates.domain.card_content import CertificateInvalidError, cards_in, issuer_of
from services.records.certificates.domain.verification import (
    CardVerifier,
    CertificateNotInForceError,
    CertificateRevokedError,
    IssuerUntrustedError,
    RevocationsUnknownError,
)
from services.records.kit.issuer_keys import REGISTRY, IssuerKeys
from services.records.revocations.domain import RevocationList
from shared.errors import CodedError
from tests.infra.records.certificates import (
    AT,
    CARD_ISSUER,
    HOLDER,
    ISSUER,
    KEY,
    KEYS,
    RID,
    a_card,
    a_dose,
    keys_text,
    new_key,
    verifier,
)

CARD = a_card()
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."


def signed(claims: Any, header: dict[str, Any] | None = None) -> str:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    payload = compressor.compress(json.dumps(claims).encode()) + compressor.flush()
    return jws.serialize_compact(
        header or {"zip": "DEF", "alg": "ES256", "kid": KEYS.active}, payload, KEY, registry=REGISTRY
    )


def claims() -> Any:
    payload = CARD.text.split(".")[1]
    return json.loads(zlib.decompress(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), -15))


def test_a_genuine_certificate_tells_its_holder_and_doses() -> None:
    verified = verifier().verify(CARD.text, AT)
    assert (verified.name, verified.birth_date.isoformat()) == ("Zoé INVENTÉE", HOLDER.birth_date)
    assert [(dose.day.isoformat(), dose.codes[0][1]) for dose in verified.doses] == [("2025-03-01", "03")]
    assert (verified.issuer, verified.kid, verified.rid, verified.issued_at) == (ISSUER, KEYS.active, RID, AT)
    assert issuer_of(CARD.text) == (ISSUER, KEYS.active)
    assert "INVENTÉE" not in repr(verified)


def test_a_file_the_texts_of_qr_codes_and_the_bare_card_are_read() -> None:
    texts = "\n".join(str(code) for code in CARD.codes)
    assert cards_in(CARD.file()) == cards_in(texts.encode()) == cards_in(f"{CARD.text}\n".encode()) == (CARD.text,)
    for content in (b"", b"{}", b'{"verifiableCredential":[]}', b'{"verifiableCredential":[1]}', b"a b", b"shc:/1"):
        with pytest.raises(CertificateInvalidError):
            cards_in(content)


def test_a_changed_character_anywhere_is_refused() -> None:
    trusting, source = verifier(), random.Random(20)
    for place, character in enumerate(CARD.text):
        other = source.choice(ALPHABET.replace(character, ""))
        with pytest.raises(CodedError):
            trusting.verify(CARD.text[:place] + other + CARD.text[place + 1 :], AT)
    last = CARD.text[-1]
    for other in ALPHABET.replace(last, ""):  # some of them spell the same bytes
        with pytest.raises(CodedError):
            trusting.verify(CARD.text[:-1] + other, AT)


def test_a_card_of_an_unknown_issuer_or_key_is_refused() -> None:
    stranger = a_card(issuer=replace(CARD_ISSUER, url="https://elsewhere.example"))
    foreign = a_card(issuer=replace(CARD_ISSUER, keys=IssuerKeys.parse(keys_text(new_key()))))
    for card in (stranger, foreign):
        with pytest.raises(IssuerUntrustedError):
            verifier().verify(card.text, AT)
    misnamed = {**KEYS.published({KEYS.active: 1})[0], "kid": "misnamed"}
    with pytest.raises(IssuerUntrustedError):
        CardVerifier({ISSUER: {"keys": [misnamed]}}, {}).verify(
            signed(claims(), {"zip": "DEF", "alg": "ES256", "kid": "misnamed"}), AT
        )


def test_a_card_signed_under_another_keys_name_is_refused() -> None:
    forged = IssuerKeys((_named(new_key(), KEYS.active),))
    with pytest.raises(CertificateInvalidError):
        verifier().verify(a_card(issuer=replace(CARD_ISSUER, keys=forged)).text, AT)


def test_a_card_of_a_retired_key_counts_as_long_as_the_key_is_published() -> None:
    rotated = IssuerKeys.parse(keys_text(new_key(), retired=(KEY,)))
    assert verifier(keys=rotated).verify(CARD.text, AT).kid == KEYS.active
    with pytest.raises(IssuerUntrustedError):
        verifier(keys=IssuerKeys.parse(keys_text(new_key()))).verify(CARD.text, AT)


def test_a_card_counts_from_its_issue_on_and_not_after_its_end() -> None:
    with pytest.raises(CertificateNotInForceError):
        verifier().verify(CARD.text, AT - timedelta(seconds=1))
    ending = signed({**claims(), "exp": AT.timestamp() + 10})
    assert verifier().verify(ending, AT + timedelta(seconds=9)).rid == RID
    with pytest.raises(CertificateNotInForceError):
        verifier().verify(ending, AT + timedelta(seconds=10))


def test_a_revoked_card_is_refused_and_others_are_not() -> None:
    with pytest.raises(CertificateRevokedError):
        verifier("other", RID).verify(CARD.text, AT)
    assert verifier("other").verify(CARD.text, AT).rid == RID


def test_a_list_that_is_missing_or_older_than_the_key_states_leaves_the_question_open() -> None:
    with pytest.raises(RevocationsUnknownError):
        verifier(version=2).verify(CARD.text, AT)
    with pytest.raises(RevocationsUnknownError):
        CardVerifier(verifier().keys, {}).verify(CARD.text, AT)


def test_an_entry_with_a_time_revokes_what_was_issued_before_it() -> None:
    listed = RevocationList.parse({"kid": "k", "method": "rid", "ctr": 3, "rids": ["aa.100", "bb", "bb.5", "cc.7"]})
    assert [listed.revokes("aa", 99.5), listed.revokes("aa", 100), listed.revokes("bb", 900)] == [True, False, True]
    assert not listed.revokes("dd", 0)
    assert RevocationList.parse(listed.published()) == listed


@pytest.mark.parametrize(
    "changed",
    [{"method": "other"}, {"ctr": "1"}, {"rids": "aa"}, {"rids": ["a b"]}, {"rids": [1]}, {"rids": ["a" * 25]}],
)
def test_what_is_no_list_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="rid"):
        RevocationList.parse({"kid": "k", "method": "rid", "ctr": 1, "rids": [], **changed})


@pytest.mark.parametrize(
    "change",
    [
        {"vc": {"type": ["https://smarthealth.cards#health-card"]}},
        {"vc": {}},
        {"nbf": None},
        {"iss": 3},
    ],
)
def test_a_signed_payload_that_is_no_certificate_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(CertificateInvalidError):
        verifier().verify(signed({**claims(), **change}), AT)


def test_a_payload_that_swells_is_refused() -> None:
    with pytest.raises(CertificateInvalidError):
        verifier().verify(signed({**claims(), "padding": " " * 200_000}), AT)


def test_other_algorithms_are_refused() -> None:
    head, payload, signature = CARD.text.split(".")
    for algorithm in ("none", "HS256", "ES384"):
        header = json.dumps({"zip": "DEF", "alg": algorithm, "kid": KEYS.active}).encode()
        forged = base64.urlsafe_b64encode(header).decode().rstrip("=")
        with pytest.raises(CertificateInvalidError):
            verifier().verify(f"{forged}.{payload}.{signature}", AT)
    assert head != forged


def test_a_dose_that_was_not_given_makes_no_certificate() -> None:
    changed = claims()
    changed["vc"]["credentialSubject"]["fhirBundle"]["entry"][1]["resource"]["status"] = "not-done"
    with pytest.raises(CertificateInvalidError):
        verifier().verify(signed(changed), AT)
    assert a_dose(1).day.isoformat() == "2025-03-01"


def _named(key: Any, kid: str) -> Any:
    return type(key).import_key({**key.as_dict(private=True), "kid": kid})
