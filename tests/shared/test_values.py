"""The INS and its key, strict traits in their normal form, ids of documents, and values that never print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.terminology import oids
from shared.values import (
    Ins,
    InvalidInsError,
    InvalidNationalIdError,
    InvalidTraitsError,
    SentTraits,
    Sex,
    StrictTraits,
    UnknownInsSystemError,
    WrongInsKeyError,
    check_key,
    document_id,
    first_given_name,
    ins_key,
    national_professional_id,
    national_structure_id,
    normalise_name,
)


@pytest.mark.parametrize("number", ["279035121518989", "277076322082910", "274075176079430", "258077511402542"])
def test_published_numbers_have_the_key_they_say(number: str) -> None:
    assert has_right_key(Ins.parse(number, oids.INS_NIR))


def has_right_key(ins: Ins) -> bool:
    try:
        check_key(ins)
    except WrongInsKeyError:
        return False
    return True


def test_corsica_counts_as_19_and_18() -> None:
    assert ins_key("1800120A00000".replace("20A", "2A0")) == f"{97 - int('1800119000000') % 97:02d}"
    for department, digits in (("2A", "19"), ("2B", "18")):
        number = f"18001{department}004012"
        key = 97 - int(f"18001{digits}004012") % 97
        check_key(Ins.parse(f"{number}{key:02d}", oids.INS_NIR))


def test_an_ins_is_read_with_blanks_and_from_a_token() -> None:
    spaced = Ins.parse("2 58 07 75 114 025 42", "urn:oid:1.2.250.1.213.1.4.10")
    assert spaced == Ins.from_token("urn:oid:1.2.250.1.213.1.4.10|258077511402542")
    assert spaced.system == "urn:oid:1.2.250.1.213.1.4.10"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "25807751140254",
        "2580775114025420",
        "358077511402542",
        "258137511402542",
        "258070011402542",
        "2580775114O2542",
        "٢58077511402542",
        "258077511402500",
        "258077511402598",
    ],
)
def test_another_structure_is_not_an_ins(text: str) -> None:
    with pytest.raises(InvalidInsError):
        Ins.parse(text, oids.INS_NIR)


def test_a_waiting_number_stands_under_its_own_system() -> None:
    number = "8510499123456"
    waiting = f"{number}{ins_key(number)}"
    check_key(Ins.parse(waiting, oids.INS_NIA))
    with pytest.raises(InvalidInsError):
        Ins.parse(waiting, oids.INS_NIR)


@pytest.mark.parametrize("system", ["urn:oid:1.2.250.1.213.1.4.2", "1.2.250.1.213.1.4.13", "", "http://example.org"])
def test_an_old_or_unknown_system_is_refused(system: str) -> None:
    with pytest.raises(UnknownInsSystemError):
        Ins.parse("258077511402542", system)
    with pytest.raises(InvalidInsError):
        Ins.from_token("258077511402542")


def test_a_wrong_key_passes_under_test_systems_only_and_only_when_asked() -> None:
    test, production = (Ins.parse("258077511402541", oid) for oid in (oids.INS_NIR_TEST, oids.INS_NIR))
    check_key(test, lenient_test_oids=True)
    for ins, lenient in ((test, False), (production, True), (production, False)):
        with pytest.raises(WrongInsKeyError):
            check_key(ins, lenient_test_oids=lenient)


def test_values_of_persons_never_print() -> None:
    traits = StrictTraits("Lévy", "Odile", "1958-07-14", Sex.FEMALE, "75114")
    text = f"{Ins.parse('258077511402542', oids.INS_NIR)} {traits!r} {SentTraits(birth_name='Lévy')}"
    assert text == "Ins(...) StrictTraits(...) SentTraits(...)"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("d’Ormesson-Lévy", "D'ORMESSON  LEVY"),
        ("Œuvre", "OEUVRE"),
        ("Núñez", "NUNEZ"),
        ("Jean–Pierre", "jean pierre"),
        ("  Straße ", "STRASSE"),
        ("L\u00a0Haÿ", "L HAY"),
    ],
)
def test_names_are_compared_in_one_form(first: str, second: str) -> None:
    assert normalise_name(first) == normalise_name(second)


@given(st.text())
def test_the_one_form_of_a_name_is_stable(name: str) -> None:
    once = normalise_name(name)
    assert normalise_name(once) == once


def test_the_qualified_given_name_is_preferred_to_the_first_word() -> None:
    assert first_given_name("Jean Pierre", "JEAN PIERRE PAUL") == "Jean Pierre"
    assert first_given_name(None, "DOMINIQUE MARIE-LOUISE") == "DOMINIQUE"
    assert first_given_name(" ", None) is None


def test_absent_traits_are_not_compared() -> None:
    assert SentTraits(birth_name="Lévy", sex=Sex.FEMALE).normalised() == {"birth_name": "LEVY", "sex": "female"}
    assert not SentTraits()


@pytest.mark.parametrize(
    "wrong",
    [
        {"birth_name": " "},
        {"given_name": None},
        {"birth_date": "1958-02-30"},
        {"birth_date": "1958"},
        {"birth_place": "7511"},
    ],
)
def test_traits_of_a_person_are_checked(wrong: dict[str, str | None]) -> None:
    whole: dict[str, str | None] = {"birth_name": "Lévy", "given_name": "Odile"}
    with pytest.raises(InvalidTraitsError):
        StrictTraits(**{**whole, **wrong})  # type: ignore[arg-type]


def test_sex_is_read_from_fhir_and_cda() -> None:
    assert [Sex.of(code) for code in ("F", "male", "UN", "other", "x", None)] == [
        Sex.FEMALE,
        Sex.MALE,
        Sex.UNKNOWN,
        Sex.UNKNOWN,
        None,
        None,
    ]


def test_national_ids_are_checked_lightly() -> None:
    assert national_professional_id(" 899700000017 ") == "899700000017"
    assert national_structure_id("3750100125/9762") == "3750100125/9762"
    for text in ("", "8", "A99700000017", "8997 0000", "8^1&2|3", "9" * 101):
        with pytest.raises(InvalidNationalIdError):
            national_professional_id(text)


def test_a_document_has_one_form_of_id() -> None:
    assert document_id("1.2.250.1.999.7") == "urn:oid:1.2.250.1.999.7"
    assert document_id("1.2.250.1.999.7", "CR-1") == "urn:oid:1.2.250.1.999.7^CR-1"
    upper = "4E5A8E0B-6E0C-4B57-9A5E-0C9E5D1F7A21"
    assert document_id(upper) == f"urn:uuid:{upper.lower()}"
    for root, extension in (("1.02", None), ("", None), ("3.1", None), ("1.2.3", "a b"), ("1.2.3", ""), ("abc", None)):
        assert document_id(root, extension) is None
