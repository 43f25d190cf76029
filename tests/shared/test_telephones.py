"""Telephone numbers in one form, whatever part of France they belong to and however they are typed."""

import subprocess
import sys

import pytest

from shared.telephones import mobile_number, telephone_number


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("0690123456", "+590690123456"),
        ("06 91 22 34 56", "+590691223456"),
        ("0691999999", "+590691999999"),
        ("0692123456", "+262692123456"),
        ("0693.07.34.56", "+262693073456"),
        ("0694123456", "+594694123456"),
        ("0694 39 12 34", "+594694391234"),
        ("0696123456", "+596696123456"),
        ("06-97-12-34-56", "+596697123456"),
        ("0639123456", "+262639123456"),
        ("0709 00 12 34", "+590709001234"),
        ("06 39 98 00 01", "+33639980001"),
        ("06 12 34 56 78", "+33612345678"),
        ("07\u00a039\u202f98\u200900\u201101", "+33739980001"),
        ("０６１２３４５６７８", "+33612345678"),
        ("\u202a+33 6 12 34 56 78\u202c", "+33612345678"),
        ("+33 (0)6 12 34 56 78", "+33612345678"),
        ("(+33) 6/12/34/56/78", "+33612345678"),
        ("0033 6 12 34 56 78\r\n", "+33612345678"),
        ("00262 692 12 34 56", "+262692123456"),
        ("+32 470 12 34 56", "+32470123456"),
        ("+44 (0)7911 123456", "+447911123456"),
        ("+1 (202) 555-0123", "+12025550123"),
        ("+33690123456", "+590690123456"),
        ("+330690123456", "+590690123456"),
        ("+33639123456", "+262639123456"),
        ("+262690123456", "+590690123456"),
    ],
)
def test_a_mobile_number_has_the_country_code_of_its_part_of_france(typed: str, number: str) -> None:
    assert mobile_number(typed) == number
    assert telephone_number(typed) == number
    assert mobile_number(number) == number


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("01 23 45 67 89", "+33123456789"),
        ("+33 (0)1 23 45 67 89", "+33123456789"),
        ("0262 12 34 56", "+262262123456"),
        ("0269 61 23 45", "+262269612345"),
        ("0590 12 34 56", "+590590123456"),
        ("09 76 12 34 56", "+33976123456"),
        ("+32 2 512 34 56", "+3225123456"),
        ("+33 2 69 61 23 45", "+262269612345"),
        ("+39 06 1234 5678", "+390612345678"),
    ],
)
def test_a_landline_can_be_called_but_gets_no_code(typed: str, number: str) -> None:
    assert telephone_number(typed) == number
    assert mobile_number(typed) is None


@pytest.mark.parametrize(
    "typed",
    [
        *("", "abc", "15", "112", "06 39", "612345678", "06123456789", "0012345678", "+0612345678", "+33 6 12 34 56 7"),
        *("+999123456789", "+33 6 12 34 56 78 x", "+33612345678;ext=2", "tel:+33612345678", "0800 FLEURS", "+", "0"),
        *("06 12 34 56 78 06 12 34 56 79", "١٢٣٤٥٦٧٨٩٠", "+33\x006 12 34 56 78", "0" * 5000, "+" * 65),
    ],
)
def test_what_is_no_telephone_number(typed: str) -> None:
    assert telephone_number(typed) is None
    assert mobile_number(typed) is None


def test_the_numbering_plans_are_loaded_when_the_first_number_comes() -> None:
    loaded = "import sys, shared.telephones, shared.mail_addresses; print({'phonenumbers', 'dns'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", loaded], text=True) == "set()\n"
