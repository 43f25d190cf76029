"""Substances are compared by names without accents, salts and order of words."""

import pytest

from services.records.medicines.domain.names import has_words, names_of_substance, normalised_name


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("PARACÉTAMOL", {"PARACETAMOL"}),
        (
            "CODÉINE (PHOSPHATE DE) HÉMIHYDRATÉ",
            {"CODEINE PHOSPHATE DE HEMIHYDRATE", "CODEINE HEMIHYDRATE", "CODEINE", "PHOSPHATE DE CODEINE"},
        ),
        ("SODIUM (VALPROATE DE)", {"SODIUM VALPROATE DE", "VALPROATE DE SODIUM"}),
        ("ISOSORBIDE (DINITRATE D')", {"ISOSORBIDE DINITRATE D", "ISOSORBIDE", "DINITRATE D ISOSORBIDE"}),
        ("Œstradiol", {"OESTRADIOL"}),
        ("", set()),
        ("()", set()),
    ],
)
def test_a_substance_has_the_names_that_tables_use(name: str, forms: set[str]) -> None:
    assert names_of_substance(name) == forms


def test_words_are_compared_whole() -> None:
    text = normalised_name("Allergie à la pénicilline")
    assert has_words(text, "PENICILLINE")
    assert not has_words(text, "PENI")
    assert not has_words(normalised_name("Ferritine"), "FER")
