"""The table of interactions finds pairs by names and by ATC codes, of substances and of their groups."""

from datetime import date

import pytest

from services.records.medicines.domain.interaction_files import parse_member, parse_pair
from services.records.medicines.domain.interactions import (
    GroupMember,
    Interaction,
    InteractionLevel,
    InteractionTable,
    TableVersion,
    built_in_table,
    parse_atc,
    parse_level,
)
from services.records.medicines.domain.medicines import is_atc_substance
from services.records.medicines.domain.public_files import MedicineLineError
from shared.terminology.tables import rows

VERSION = TableVersion("an invented table", date(2026, 11, 1))
TABLE = InteractionTable(
    VERSION,
    [
        Interaction("Inventols", "placebine", InteractionLevel.CONTRAINDICATED, "un risque"),
        Interaction("inventols", "inventols", InteractionLevel.PRECAUTION, "une addition"),
        Interaction("INVENTOLS", "Placebine", InteractionLevel.CONSIDER, "un autre risque"),
    ],
    [GroupMember("inventols", "INVENTOL", "N99AA01"), GroupMember("inventols", None, "N98")],
)


def levels(first: tuple[set[str], set[str]], second: tuple[set[str], set[str]]) -> list[str]:
    return [interaction.level.value for interaction in TABLE.between(first, second)]


@pytest.mark.parametrize(
    ("first", "second", "found_levels"),
    [
        (({"INVENTOL"}, set()), ({"PLACEBINE"}, set()), ["contraindicated", "consider"]),
        (({"PLACEBINE"}, set()), (set(), {"N98AB02"}), ["contraindicated", "consider"]),
        ((set(), {"N99AA01"}), (set(), {"N98AB02"}), ["precaution"]),
        ((set(), {"N99AA"}), ({"PLACEBINE"}, set()), []),
        (({"PLACEBINE"}, set()), ({"PLACEBINE"}, set()), []),
        ((set(), set()), ({"PLACEBINE"}, set()), []),
    ],
)
def test_a_pair_is_found_in_either_order_worst_first(
    first: tuple[set[str], set[str]], second: tuple[set[str], set[str]], found_levels: list[str]
) -> None:
    assert levels(first, second) == found_levels
    assert levels(second, first) == found_levels


def test_a_table_says_whether_names_or_codes_suffice() -> None:
    assert (TABLE.is_complete_by_name, TABLE.is_complete_by_atc) == (False, False)
    built_in = built_in_table()
    assert (built_in.is_complete_by_name, built_in.is_complete_by_atc) == (True, True)


def test_the_built_in_table_has_severe_pairs_with_a_risk_in_both_languages_and_a_dated_source() -> None:
    table = list(rows("interactions"))
    groups = {row["group"] for row in rows("interaction_members")}
    assert {row["first"] for row in table} | {row["second"] for row in table} == groups
    assert {row["level"] for row in table} == {"contraindicated", "discouraged"}
    assert all(row["risk"] and row["risk_en"] for row in table)
    assert all(is_atc_substance(row["atc"]) and row["substance"] for row in rows("interaction_members"))
    assert "ANSM" in built_in_table().version.source
    assert built_in_table().version.is_built_in


@pytest.mark.parametrize(
    ("first", "second"),
    [("J01FA09", "C10AA01"), ("B01AA03", "J02AB01"), ("C01DA02", "G04BE03"), ("J05AR10", "N02AA05")],
)
def test_the_built_in_table_knows_pairs_by_code(first: str, second: str) -> None:
    assert built_in_table().between((set(), {first}), (set(), {second}))
    assert not built_in_table().between((set(), {"N02BE01"}), (set(), {second}))


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("CONTRE-INDICATION", InteractionLevel.CONTRAINDICATED),
        ("Association DECONSEILLEE", InteractionLevel.DISCOURAGED),
        ("précaution d’emploi", InteractionLevel.PRECAUTION),
        ("A prendre en compte", InteractionLevel.CONSIDER),
        ("discouraged", InteractionLevel.DISCOURAGED),
        ("grave", None),
    ],
)
def test_levels_are_read_as_codes_and_in_the_words_of_the_thesaurus(text: str, level: InteractionLevel | None) -> None:
    assert parse_level(text) == level


def test_an_atc_code_of_any_level_is_read() -> None:
    assert [parse_atc(text) for text in (" n02be01 ", "N02", "N", "02", "N02BE01X")] == [
        "N02BE01",
        "N02",
        "N",
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"level": "grave"}, "level-unknown"),
        ({"risk": " "}, "risk-missing"),
        ({"first": "()"}, "name-missing"),
        ({"second": "x" * 301}, "name-too-long"),
        ({"advice": "x" * 4001}, "text-too-long"),
    ],
)
def test_a_pair_that_cannot_be_taken_says_why(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(MedicineLineError) as refused:
        parse_pair({"first": "a b", "second": "c d", "level": "CI", "risk": "un risque", **changed})
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"substance": "", "atc": ""}, "member-missing"),
        ({"atc": "123"}, "atc-invalid"),
        ({"group": ""}, "name-missing"),
    ],
)
def test_a_member_that_cannot_be_taken_says_why(changed: dict[str, str], reason: str) -> None:
    with pytest.raises(MedicineLineError) as refused:
        parse_member({"group": "g", "substance": "INVENTOL", "atc": "n99aa01", **changed})
    assert refused.value.reason == reason
    assert parse_member({"group": "g", "substance": "", "atc": "n99"}) == GroupMember("g", None, "N99")
