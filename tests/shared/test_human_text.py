"""What nobody sees in a text makes no difference; what no text may hold is noticed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.human_text import clean_line, compact_code, has_control_character
from shared.values import Ins, normalise_name


@pytest.mark.parametrize(
    "written",
    [
        *(
            "Le Goff",
            "LE\u00a0GOFF",
            "Le\u202fGoff",
            "le\u2009goff",
            "LE\tGOFF",
            "  Le  Goff ",
            "Le-Goff",
            "LE\u2011GOFF",
        ),
        *("Le Go\u00adff", "Le G\u200boff", "Le\ufeff Goff", "\u200eLe Goff\u200f", "Le Goff\ufe0e", "L\u2060e Goff"),
    ],
)
def test_a_name_is_the_same_whatever_nobody_sees_in_it(written: str) -> None:
    assert normalise_name(written) == "LE GOFF"


@pytest.mark.parametrize("apostrophe", "'’‘‛ʻʼ´`′ꞌ＇")
def test_every_apostrophe_is_one(apostrophe: str) -> None:
    assert normalise_name(f"Te{apostrophe}ura") == "TE URA"


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        *(
            ("Đặng", "DANG"),
            ("Ħajjar", "HAJJAR"),
            ("Łukasz", "LUKASZ"),
            ("Ŧoŋ", "TON"),
            ("Øre", "ORE"),
            ("Þór", "THOR"),
        ),
        *(("Lœtitia", "LOETITIA"), ("Straße", "STRASSE"), ("Ÿ", "Y"), ("ﬁon", "FION"), ("Ðura", "DURA")),
    ],
)
def test_letters_without_a_decomposition_have_a_plain_form(written: str, plain: str) -> None:
    assert normalise_name(written) == plain


@pytest.mark.parametrize(
    "written",
    ["287762", "287 762", "287\u00a0762", "287\u202f762", " 287-762\n", "287\u2011762", "287\u200b762", "２８７７６２"],
)
def test_a_code_is_read_as_it_is_printed(written: str) -> None:
    assert compact_code(written) == "287762"


@pytest.mark.parametrize("written", ["2 55 06 99 999 001 62", "2\u00a055\u202f06\u00a099\u00a0999\u00a0001\u00a062"])
def test_an_ins_is_read_with_any_blank(written: str) -> None:
    assert Ins.parse(written, "1.2.250.1.213.1.4.10").matricule == "255069999900162"


@pytest.mark.parametrize(
    ("text", "in_a_line", "in_lines"),
    [
        ("a\x01b", True, True),
        ("a\nb\tc\r", True, False),
        ("a\x7f", True, True),
        ("a\x85", True, True),
        ("aéb", False, False),
    ],
)
def test_control_characters_are_noticed(text: str, in_a_line: bool, in_lines: bool) -> None:
    assert has_control_character(text) == in_a_line
    assert has_control_character(text, has_lines=True) == in_lines


@given(st.text(max_size=40))
def test_cleaning_a_line_twice_changes_nothing_more(text: str) -> None:
    assert clean_line(clean_line(text)) == clean_line(text)
