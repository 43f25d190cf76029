"""National identifiers as printed, typed and copied, and the full form that rights name."""

import pytest

from services.identity.directory.domain import directory
from shared.national_ids import LONGEST_INPUT, NationalIdAmbiguousError, full_ids, is_full_id
from shared.values import InvalidNationalIdError

RPPS = "899900000101"


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        (RPPS, (RPPS,)),
        ("99900000101", (RPPS,)),
        (" 999 0000 0101 ", (RPPS,)),
        ("8 99900000101", (RPPS,)),
        ("999-000-00101", (RPPS,)),
        ("999.0000.0101", (RPPS,)),
        ("999\u00a00000\u202f0101", (RPPS,)),
        ("９９９０００００１０１", (RPPS,)),
        ("1750000001", ("1750000001",)),
        ("12A0000154", ("12A0000154",)),
        ("1 2a 000015 4", ("12A0000154",)),
        ("0123456789", ("0123456789",)),
        ("2123456789", ("2123456789",)),
        ("73282932000074", ("373282932000074",)),
        ("732 829 320 00074", ("373282932000074",)),
        ("373282932000074", ("373282932000074",)),
        ("41000123456701", ("341000123456701", "41000123456701")),
        ("4100012345671", ("4100012345671",)),
        ("750000001", ("0750000001", "1750000001", "2750000001")),
        ("2A0000154", ("02A0000154", "12A0000154")),
        ("", ()),
        ("12345", ()),
        ("9750000001", ()),
        ("799900000101", ()),
        ("RPPS", ()),
        ("8999000001o1", ()),
        ("8" * (LONGEST_INPUT + 1), ()),
        ("99900000101\x00", ()),
    ],
)
def test_a_number_becomes_the_full_identifiers_that_it_may_stand_for(typed: str, full: tuple[str, ...]) -> None:
    assert full_ids(typed) == full
    assert all(id in full_ids(id) for id in full)


def test_a_full_identifier_is_known_by_its_form() -> None:
    for id in (RPPS, "1750000001", "12A0000154", "373282932000074", "4100012345671"):
        assert is_full_id(id)
    for id in ("99900000101", "750000001", "2A0000154", "41000123456701", "1750000001 "):
        assert not is_full_id(id)


@pytest.mark.parametrize(
    ("typed", "professional", "structure"),
    [
        ("99900000101", (RPPS,), ()),
        ("1750000001", (), ("1750000001",)),
        ("0123456789", ("0123456789",), ("0123456789",)),
        ("750000001", ("0750000001",), ("0750000001", "1750000001", "2750000001")),
        ("73282932000074", (), ("373282932000074",)),
    ],
)
def test_who_says_which_kind_is_meant_is_given_only_that(
    typed: str, professional: tuple[str, ...], structure: tuple[str, ...]
) -> None:
    assert full_ids(typed, "professional") == professional
    assert full_ids(typed, "structure") == structure


def test_the_directory_itself_holds_full_identifiers() -> None:
    assert directory.professional_id("99900000101") == directory.professional_id(RPPS) == RPPS
    assert directory.structure_id("732 829 320 00074") == "373282932000074"
    assert directory.structure_id("3750000001.17") == "3750000001.17", "an internal identifier stays"
    with pytest.raises(NationalIdAmbiguousError):
        directory.structure_id("750000001")
    with pytest.raises(InvalidNationalIdError):
        directory.structure_id("hospital")
