"""A vaccination certificate is a SMART Health Card with the selected doses alone, and verifiers of others read it."""

import base64
import io
import json
import zlib
from datetime import date
from typing import Any
from uuid import UUID

import healthcards.parser
import jwcrypto.jws
import pytest

from services.records.certificates.domain.bundle import card_codes
from services.records.certificates.domain.doses import DoseSelection, NoDoseError, TooManyDosesError, VaccineCode
from services.records.certificates.domain.health_card import IssuedCard
from services.records.certificates.domain.qr_text import card_of, qr_texts
from services.records.kit.issuer_keys import CertificateKeysError, IssuerKeys
from shared.terminology.vaccines import ATC, CVX
from tests.infra.records.certificates import (
    AT,
    CARD_ISSUER,
    CIS,
    HOLDER,
    ISSUER,
    KEY,
    KEYS,
    RID,
    a_card,
    a_dose,
    keys_text,
    new_key,
)

MEASLES, TETANUS, INFLUENZA = a_dose(1), a_dose(2, "J07AM01"), a_dose(3, "J07BB02")


def claims_of(card: IssuedCard) -> dict[str, Any]:
    payload = card.text.split(".")[1]
    return dict(json.loads(zlib.decompress(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), -15)))


def test_a_card_has_the_form_of_the_specification() -> None:
    header, _, signature = a_card(MEASLES).text.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"zip": "DEF", "alg": "ES256", "kid": KEYS.active}
    assert len(base64.urlsafe_b64decode(signature + "==")) == 64
    assert json.loads(a_card(MEASLES).file()).keys() == {"verifiableCredential"}
    assert claims_of(a_card(MEASLES)) == {
        "iss": ISSUER,
        "nbf": int(AT.timestamp()),
        "vc": {
            "type": ["https://smarthealth.cards#health-card", "https://smarthealth.cards#immunization"],
            "credentialSubject": {
                "fhirVersion": "4.0.1",
                "fhirBundle": {
                    "resourceType": "Bundle",
                    "type": "collection",
                    "entry": [
                        {
                            "fullUrl": "resource:0",
                            "resource": {
                                "resourceType": "Patient",
                                "name": [{"family": "INVENTÉE", "given": ["Zoé"]}],
                                "birthDate": "1984-02-29",
                            },
                        },
                        {
                            "fullUrl": "resource:1",
                            "resource": {
                                "resourceType": "Immunization",
                                "status": "completed",
                                "vaccineCode": {
                                    "coding": [
                                        {"system": CVX, "code": "03"},
                                        {"system": CIS, "code": "60000001"},
                                        {"system": ATC, "code": "J07BD52"},
                                    ]
                                },
                                "patient": {"reference": "resource:0"},
                                "occurrenceDateTime": "2025-03-01",
                                "performer": [{"actor": {"display": "Dr Camille INVENTÉE"}}],
                                "lotNumber": "LOT1",
                            },
                        },
                    ],
                },
            },
            "rid": RID,
        },
    }


def test_a_verifier_that_others_wrote_accepts_the_card_and_its_qr_code(monkeypatch: pytest.MonkeyPatch) -> None:
    published = json.dumps({"keys": KEYS.published({KEYS.active: 1})}).encode()
    fetched = []

    def answer(url: str) -> io.BytesIO:
        fetched.append(url)
        return io.BytesIO(published)

    monkeypatch.setattr("urllib.request.urlopen", answer)
    card = a_card(MEASLES)
    read = healthcards.parser.JWS(healthcards.parser.decode_qr_to_jws([str(code) for code in card.codes]))
    assert read.verified
    assert read.as_dict()["payload"] == claims_of(card)
    assert fetched == [f"{ISSUER}/.well-known/jwks.json"]
    head, payload, signature = card.text.split(".")
    with pytest.raises(jwcrypto.jws.InvalidJWSSignature):
        healthcards.parser.JWS(".".join([head, payload, signature[:40] + "AAAA" + signature[44:]]))


def test_nothing_about_other_vaccinations_or_diseases_is_in_a_card() -> None:
    selected = DoseSelection(disease="measles").select([TETANUS, MEASLES, INFLUENZA])
    assert selected == (MEASLES,)
    with_others, alone = a_card(*selected), a_card(MEASLES)
    assert claims_of(with_others) == claims_of(alone)
    text = json.dumps(claims_of(with_others))
    assert not [word for word in ("J07AM01", "J07BB02", "LOT2", "LOT3", "60000002") if word in text]
    assert str(MEASLES.document_id) not in text
    assert str(MEASLES.fact_id) not in text


def test_a_caller_selects_doses_by_a_disease_or_by_their_ids() -> None:
    doses = [INFLUENZA, TETANUS, MEASLES]
    assert DoseSelection(disease="rubella").select(doses) == (MEASLES,)
    ids = frozenset({TETANUS.fact_id, INFLUENZA.fact_id})
    assert set(DoseSelection(fact_ids=ids).select(doses)) == {TETANUS, INFLUENZA}
    for missing in (DoseSelection(disease="rabies"), DoseSelection(fact_ids=ids | {UUID(int=99)}), DoseSelection()):
        with pytest.raises(NoDoseError):
            missing.select(doses)


def test_a_dose_that_two_documents_state_is_in_the_card_once_from_the_newest() -> None:
    again = a_dose(7, codes=MEASLES.codes)
    assert DoseSelection(disease="measles").select([again, MEASLES]) == (again,)


def test_a_code_stays_in_its_system_and_cvx_comes_first_where_it_says_no_more() -> None:
    tdap, snomed = VaccineCode(ATC, "J07CA02"), VaccineCode("http://snomed.info/sct", "871878002")
    assert card_codes([tdap]) == (tdap,), "CVX has no code for it that fits children and adults"
    assert card_codes([snomed]) == (snomed,)
    assert card_codes([VaccineCode(ATC, "J07BN01"), VaccineCode(CVX, "208")])[0] == VaccineCode(CVX, "208")


def test_a_card_of_one_code_is_one_numeric_text_and_a_longer_one_is_split_into_equal_parts() -> None:
    card = a_card(MEASLES)
    (code,) = card.codes
    assert code.prefix == "shc:/"
    assert card_of([str(code)]) == card.text
    names = ("Dr Ada INVENTÉE", "Dr Blaise EXEMPLE", "Centre de vaccination imaginaire", "Pharmacie du Quai rêvé")
    doses = [
        a_dose(n, day=date(2000 + n, 1 + n, 1), lot=f"{n * 7919:x}Z{n * 104729:x}", performer=f"{n} {names[n % 4]}")
        for n in range(12)
    ]
    long = a_card(*doses)
    assert len(long.text) > 1195
    assert [code.prefix for code in long.codes] == ["shc:/1/2/", "shc:/2/2/"]
    assert abs(len(long.codes[0].digits) - len(long.codes[1].digits)) <= 4
    assert card_of([str(code) for code in reversed(long.codes)]) == long.text
    with pytest.raises(ValueError, match="too long"):
        qr_texts("e" * 4000)


@pytest.mark.parametrize(
    "texts",
    [
        ["shc:/1/2/5676"],
        ["shc:/1/2/5676", "shc:/1/2/5676"],
        ["shc:/567"],
        ["shc:/9999"],
        ["https://dmp.example"],
        ["shc:/1/1/56", "shc:/1/1/56"],
    ],
)
def test_texts_that_are_not_all_parts_of_a_card_are_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match=r"health card|digits"):
        card_of(texts)


def test_a_certificate_has_twelve_doses_at_most() -> None:
    doses = [a_dose(number, day=date(2000 + number, 1, 1)) for number in range(13)]
    with pytest.raises(TooManyDosesError):
        DoseSelection(disease="measles").select(doses)
    assert len(DoseSelection(disease="measles").select(doses[:12])) == 12
    incompressible = "".join(chr(0x4E00 + number * 37 % 20000) for number in range(4000))
    with pytest.raises(TooManyDosesError):
        CARD_ISSUER.issue(HOLDER, [a_dose(1, lot=incompressible)], RID, AT)


def test_the_published_keys_hold_no_private_half_and_a_retired_key_stays_published() -> None:
    fresh = new_key()
    rotated = IssuerKeys.parse(keys_text(fresh, retired=(KEY,)))
    published = rotated.published({rotated.active: 1, KEYS.active: 7})
    assert rotated.active == fresh.thumbprint()
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg", "crlVersion"} for key in published)
    assert [(key["kid"], key["crlVersion"]) for key in published] == [(rotated.active, 1), (KEYS.active, 7)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '[{"kty":"EC"}]',
        keys_text(retired=(KEY,)),
        keys_text(KEY, KEY),
        json.dumps([{**KEY.as_dict(private=True), "kid": "named-by-hand"}]),
    ],
)
def test_unusable_keys_of_certificates_are_refused_without_quoting_them(text: str) -> None:
    with pytest.raises(CertificateKeysError) as error:
        IssuerKeys.parse(text)
    assert error.value.__cause__ is None
    assert "EC" not in text or str(KEY.as_dict(private=True)["d"]) not in str(error.value)
