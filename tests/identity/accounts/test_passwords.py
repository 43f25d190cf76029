"""What may be a password or an identifier, and how a password is kept."""

import pytest

from services.identity.accounts.domain.accounts import IdentifierInvalidError, check_identifier, personal_words
from services.identity.accounts.domain.passwords import (
    Argon2Hasher,
    PasswordLengthError,
    PasswordPersonalError,
    PasswordWeakError,
    check_password,
    normalise_password,
)
from services.identity.people.domain.new_person import Contact, Person
from shared.values import Ins, Sex, StrictTraits
from tests.infra.identity.identity_api import TEST_OID, nir

TRAITS = StrictTraits("D'INVENTÉE-EXEMPLE", "Zoé", "1955-06-12", Sex.FEMALE, "63220")
PERSON = Person(Ins.parse(nir(), TEST_OID), TRAITS)
TOLD = Contact("z.montagne@patient.example", "fr", "holder", "+33639980001")
OWN = personal_words(PERSON, TOLD, "marguerite.des.pres@patient.example")


@pytest.mark.parametrize(
    "password",
    [
        "trois vaches sur un toit bleu",
        "correcthorsebatterystaple",
        "kP9#vv2Lq0zTrw",
        "J’aime le fromage de brebis",
        "日本語のとても長いパスフレーズ",
        "x1 " * 4 + "ours polaire orange",
        "trois vaches sur un toit bleu " * 4,
    ],
)
def test_a_long_password_that_nobody_would_try_first_is_one(password: str) -> None:
    assert is_accepted(password)


def is_accepted(password: str) -> bool:
    try:
        check_password(normalise_password(password), OWN)
    except (PasswordLengthError, PasswordWeakError, PasswordPersonalError):
        return False
    return True


@pytest.mark.parametrize(
    ("password", "error"),
    [
        ("", PasswordLengthError),
        ("kP9#vv2Lq0z", PasswordLengthError),
        ("kP9#vv2Lq0zTrw" * 10, PasswordLengthError),
        ("password1234", PasswordWeakError),
        ("motdepasse123", PasswordWeakError),
        ("azertyuiop12", PasswordWeakError),
        ("Qwertyuiop123", PasswordWeakError),
        ("aaaaaaaaaaaa", PasswordWeakError),
        ("abcabcabcabc", PasswordWeakError),
        ("123456789012", PasswordWeakError),
        ("iloveyou1234", PasswordWeakError),
        ("P@ssw0rd2024", PasswordWeakError),
        ("drowssap4321", PasswordWeakError),
        ("12061955-2024", PasswordPersonalError),
        ("x" * 128, PasswordWeakError),
        ("les pommes d'inventee volent", PasswordPersonalError),
        ("EXEMPLE de quatorze lunes", PasswordPersonalError),
        ("quatorze lunes z.montagne rient", PasswordPersonalError),
        ("Marguerite-Des-Prés danse seule", PasswordPersonalError),
        ("vache 12/06/1955 orange bleu", PasswordPersonalError),
        ("vache 1955 06 12 orange bleu", PasswordPersonalError),
        ("vache 06 39 98 00 01 orange bleu", PasswordPersonalError),
    ],
)
def test_a_password_that_somebody_would_try_first_is_none(password: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        check_password(normalise_password(password), OWN)


def test_every_refusal_says_in_both_languages_what_to_do() -> None:
    for error in (PasswordLengthError(), PasswordWeakError(), PasswordPersonalError(), IdentifierInvalidError()):
        assert len(str(error)) > 40
        assert error.in_french() not in (None, str(error))


def test_the_same_password_from_another_keyboard_is_the_same() -> None:
    assert normalise_password("e\u0301te\u0301 \ufb01n") == normalise_password("été fin")


def test_a_kept_password_is_right_wrong_or_kept_under_other_parameters() -> None:
    hasher = Argon2Hasher()
    kept = hasher.hash("trois vaches")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert kept != hasher.hash("trois vaches")
    assert hasher.check(kept, "trois vaches") == "right"
    assert hasher.check(kept, "deux vaches") == "wrong"
    assert Argon2Hasher(passes=3).check(kept, "trois vaches") == "stale"
    assert hasher.check("rubbish", "trois vaches") == "wrong"


def test_nothing_is_right_where_nobody_has_an_account() -> None:
    hasher = Argon2Hasher()
    assert hasher.check(None, "decoy") == "wrong"
    assert hasher.check(None, "") == "wrong"


@pytest.mark.parametrize(
    "identifier", ["ab", "a b", "", "x" * 255, "255069999999934", "1 55 06", "2550699999999", "a\tb"]
)
def test_what_cannot_be_an_identifier(identifier: str) -> None:
    with pytest.raises(IdentifierInvalidError):
        check_identifier(identifier)


def test_an_identifier_is_the_same_in_any_case() -> None:
    assert check_identifier(" Zoe.INVENTEE@Patient.example") == check_identifier("zoe.inventee@patient.EXAMPLE ")
