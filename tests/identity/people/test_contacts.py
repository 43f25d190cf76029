"""Contacts: mobile numbers, changes, and where a code can be sent."""

import pytest

from services.identity.accounts.domain.accounts import SecondFactorInvalidError, check_second_factor
from services.identity.people.domain.contacts import (
    Contact,
    ContactChangeInvalidError,
    ContactMissingError,
    MailInvalidError,
    MobileInvalidError,
    changed_contact,
    checked_mobile,
    first_reachable_channel,
)

BOTH = Contact("a@patient.example", "fr", "holder", "+33639980001")
NEITHER = Contact(None, "fr", "holder")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("06 39 98 00 01", "+33639980001"),
        ("0739980001", "+33739980001"),
        ("+33 6 39 98 00 01", "+33639980001"),
        ("+32.470.12.34.56", "+32470123456"),
        ("+1 (202) 555-0123", "+12025550123"),
        ("0692 99 00 01", "+262692990001"),
    ],
)
def test_checked_mobiles_are_written_in_one_form(text: str, number: str) -> None:
    assert checked_mobile(text) == number


@pytest.mark.parametrize("text", ["", "0139980001", "06 39", "+0612345678", "abc", "+33 6 39 98 00 01 x", "١٢٣٤٥٦٧٨٩"])
def test_what_is_no_checked_mobile(text: str) -> None:
    with pytest.raises(MobileInvalidError):
        checked_mobile(text)


def test_one_of_the_two_contacts_changes() -> None:
    assert changed_contact(BOTH, "b@patient.example", None).mail == "b@patient.example"
    assert changed_contact(BOTH, None, "0739980001").mobile == "+33739980001"
    for mail, mobile in ((None, None), ("b@patient.example", "0739980001"), ("a@patient.example", None)):
        with pytest.raises(ContactChangeInvalidError):
            changed_contact(BOTH, mail, mobile)
    with pytest.raises(MailInvalidError):
        changed_contact(BOTH, "nonsense", None)


def test_codes_go_where_the_person_can_be_reached() -> None:
    assert first_reachable_channel(BOTH, "sms") == "sms"
    assert first_reachable_channel(Contact("a@patient.example", "fr", "holder"), "sms") == "mail"
    with pytest.raises(ContactMissingError):
        first_reachable_channel(NEITHER)
    assert check_second_factor("sms", BOTH) == "sms"
    for factor, contact in (("sms", NEITHER), ("mail", NEITHER), ("totp", BOTH)):
        with pytest.raises(SecondFactorInvalidError):
            check_second_factor(factor, contact)  # type: ignore[arg-type]


def test_a_contact_is_read_as_it_was_written_with_and_without_a_checked_mobile() -> None:
    for contact in (BOTH, NEITHER):
        assert Contact.from_json(contact.as_json()) == contact
    assert b"mobile" not in NEITHER.as_json()
