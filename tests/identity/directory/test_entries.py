"""Professions, national ids, and the structure for which a professional acts, without a database."""

import pytest

from services.identity.directory.domain import directory
from shared.values import InvalidNationalIdError


@pytest.mark.parametrize(
    ("stated", "stored"), [("10", "G15_10"), ("G15_60", "G15_60"), ("G16_10", "G16_10"), ("R95_93", "R95_93")]
)
def test_a_profession_is_kept_with_its_table(stated: str, stored: str) -> None:
    assert directory.profession_code(stated) == stored


@pytest.mark.parametrize("stated", ["", "11", "G15_11", "G15_", "AUTOMATE", "A00_AUTOMATE", "G15_10/SM26", "10 "])
def test_a_profession_that_the_record_does_not_accept_is_refused(stated: str) -> None:
    with pytest.raises(directory.ProfessionUnknownError):
        directory.profession_code(stated)


@pytest.mark.parametrize("stated", ["", "8", "x899", "8 99", "8\x0099", "3750000001/12", "8" * 65, "899é"])
def test_a_national_id_that_cannot_travel_is_refused(stated: str) -> None:
    for read in (directory.professional_id, directory.structure_id):
        with pytest.raises(InvalidNationalIdError):
            read(stated)


@pytest.mark.parametrize(
    ("active", "wanted", "acting"),
    [([], None, None), (["1a"], None, "1a"), (["1a", "1b"], "1b", "1b"), (["1a"], "1a", "1a")],
)
def test_a_professional_acts_for_the_structure_wanted_or_the_only_one(
    active: list[str], wanted: str | None, acting: str | None
) -> None:
    assert directory.acting_structure(active, wanted) == acting


@pytest.mark.parametrize(("active", "wanted"), [([], "1a"), (["1a"], "1b"), (["1a", "1b"], None)])
def test_a_professional_acts_for_no_structure_that_is_not_theirs(active: list[str], wanted: str | None) -> None:
    with pytest.raises(directory.ActingStructureError):
        directory.acting_structure(active, wanted)
