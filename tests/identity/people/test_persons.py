"""Persons and their contacts, without a database."""

import json
from datetime import date
from uuid import uuid4

import pytest

from services.identity.kit.sealed_rows import Sealed, open_row, seal_row
from services.identity.people.domain import new_person
from shared.crypto.fingerprints import ins_parts, trait_fingerprints, trait_parts
from shared.crypto.keyring import Keyring, SealBrokenError
from shared.errors import ClientError
from shared.values import Ins, InvalidTraitsError, Sex, StrictTraits
from tests.infra.identity.identity_api import DEMO_OID, KEYRING, NIR_OID, OTHER_KEYRING, TEST_OID, nir

RING = Keyring.parse(KEYRING)
PERSON = new_person.Person(Ins(nir(), TEST_OID), StrictTraits("D'INVENTÉE", "Zoé", "1955-06-12", Sex.FEMALE, "63220"))


def test_test_and_production_numbers_never_meet_and_the_two_test_systems_do() -> None:
    fingerprints = {oid: RING.fingerprint(*ins_parts(Ins(nir(), oid))) for oid in (NIR_OID, TEST_OID, DEMO_OID)}
    assert fingerprints[TEST_OID] == fingerprints[DEMO_OID]
    assert fingerprints[TEST_OID] != fingerprints[NIR_OID]


def test_equal_traits_of_two_records_have_different_fingerprints() -> None:
    one, other = uuid4(), uuid4()
    traits = PERSON.traits.normalised()
    first, second = trait_fingerprints(RING, one, traits), trait_fingerprints(RING, other, traits)
    assert first.keys() == traits.keys()
    assert not set(first.values()) & set(second.values())
    assert RING.matches(first["sex"], *trait_parts(one, "sex", "female"))


def test_a_person_is_sealed_to_one_row_and_comes_back_whole_after_a_change_of_keys() -> None:
    row = uuid4()
    sealed = seal_row(RING, PERSON.as_json(), "person", row)
    rotated = Keyring.parse(f"{OTHER_KEYRING},{KEYRING}")
    assert new_person.Person.from_json(open_row(rotated, sealed, "person", row)) == PERSON
    assert seal_row(rotated, b"", "person", row).key_id == "next"
    for place in (("person", uuid4()), ("contact", row)):
        with pytest.raises(SealBrokenError):
            open_row(RING, sealed, *place)
    with pytest.raises(SealBrokenError):
        open_row(RING, Sealed("gone", sealed.data), "person", row)


def test_a_person_and_a_contact_are_never_printed() -> None:
    contact = new_person.checked_contact("zoe@patient.example", "fr", "holder")
    assert f"{PERSON} {contact!r}" == "Person(...) Contact(...)"


@pytest.mark.parametrize(
    ("mail", "language", "relation", "code"),
    [
        ("zoe", "fr", "holder", "mail-invalid"),
        ("zoe@localhost", "fr", "holder", "mail-invalid"),
        ("zoé@patient.example", "fr", "holder", "mail-invalid"),
        ("zoe@patient.example\nBcc: all@x.example", "fr", "holder", "mail-invalid"),
        (f"zoe@{'a' * 60}.{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example", "fr", "holder", "mail-invalid"),
        ("", "fr", "holder", "mail-invalid"),
        ("zoe@patient.example", "de", "holder", "language-unknown"),
        (None, "fr", "neighbour", "relation-unknown"),
    ],
)
def test_a_contact_that_cannot_be_used_is_refused(mail: str | None, language: str, relation: str, code: str) -> None:
    with pytest.raises(ClientError) as refused:
        new_person.checked_contact(mail, language, relation)
    assert refused.value.code == code


@pytest.mark.parametrize("mail", ["zoe@patient.example", "a+b.c@x-y.example", None])
def test_a_contact_may_have_a_mail_address_or_none(mail: str | None) -> None:
    assert json.loads(new_person.checked_contact(mail, "en", "representative").as_json()) == {
        "mail": mail,
        "language": "en",
        "relation": "representative",
    }


@pytest.mark.parametrize(
    "traits",
    [
        StrictTraits("NOM", "Zoé", None, Sex.FEMALE),
        StrictTraits("NOM", "Zoé", "1955-06-12", None),
        StrictTraits("NOM", "Zoé", "2026-11-23", Sex.FEMALE),
        StrictTraits("NOM\x00", "Zoé", "1955-06-12", Sex.FEMALE),
    ],
)
def test_traits_that_no_person_has_are_refused(traits: StrictTraits) -> None:
    with pytest.raises(InvalidTraitsError):
        new_person.check_traits(traits, date(2026, 11, 22))


def test_sex_is_taken_as_fhir_codes_it_only() -> None:
    assert new_person.parse_sex("female") is Sex.FEMALE
    for text in ("F", "FEMALE", "other", ""):
        with pytest.raises(InvalidTraitsError):
            new_person.parse_sex(text)


def test_a_trait_that_one_side_lacks_is_not_compared() -> None:
    traits = PERSON.traits.normalised()
    assert new_person.are_same_person(traits, {**traits, "birth_name": "D INVENTEE"})
    assert new_person.are_same_person(traits, {name: traits[name] for name in traits if name != "birth_place"})
    assert new_person.are_same_person(traits, {**traits, "sex": "unknown"})
    assert not new_person.are_same_person(traits, {**traits, "sex": "male"})
    assert not new_person.are_same_person(traits, {**traits, "given_name": "ZOA"})
