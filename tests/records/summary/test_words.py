"""The words of the sheet: in both languages, and careful where nothing is there."""

import re
from dataclasses import replace

import pytest

from services.records.clinical_facts.domain.model import MARKS
from services.records.clinical_facts.domain.values import FactTime, Quantity, QuantityRange
from services.records.summary.domain.sheet import Chapter, Language
from services.records.summary.domain.sheet_in_words import PEOPLE, sheet_in_words
from services.records.summary.domain.signing import SOURCE_CHANGED
from services.records.summary.domain.values_in_words import amount_in_words, time_in_words
from services.records.summary.domain.words import Words, word_table
from tests.infra.records.summary_sheets import PENICILLIN, REJECTED, a_full_sheet, a_sheet, a_usual_sheet, line

LANGUAGES: tuple[Language, ...] = ("fr", "en")
FRENCH = Words("fr")


def test_every_word_has_both_languages_with_the_same_places() -> None:
    for name, texts in word_table().items():
        assert texts.keys() == {"fr", "en"}, name
        assert {*re.findall(r"{\w+}", texts["fr"])} == {*re.findall(r"{\w+}", texts["en"])}, name


def test_every_mark_of_a_line_has_words() -> None:
    assert {*MARKS, SOURCE_CHANGED} <= word_table().keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_says_that_there_is_none_where_the_record_holds_nothing(language: Language) -> None:
    words, nothing = sheet_in_words(a_sheet(), language), Words(language)("nothing")
    assert [chapter.empty for chapter in words.chapters[:-1]] == [nothing] * 10
    assert not re.search(r"\b(none|aucune?|néant|no known)\b", " ".join(words.all), re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sheet_of_a_professional_says_that_something_may_be_masked(language: Language) -> None:
    masked = Words(language)("masked")
    for sheet in (a_sheet(), a_usual_sheet(), a_full_sheet(), a_sheet(patient=None)):
        assert masked in sheet_in_words(sheet, language).notices
        assert masked not in sheet_in_words(replace(sheet, audience="patient-side"), language).all


def test_a_rejected_line_is_folded_and_leaves_no_absence() -> None:
    rejected = line(1, Chapter.ALLERGIES, PENICILLIN, state="rejected", decisions=(REJECTED,))
    chapter = sheet_in_words(a_sheet(rejected), "fr").chapter("allergies")
    assert chapter.lines == ()
    assert chapter.empty == FRENCH("nothing-else")
    (folded,) = chapter.rejected
    assert folded.state == ("Écarté par Dr Camille FICTIF le 3 mars 2026, motif\u00a0: erreur de patient",)


def test_a_blood_group_permits_no_transfusion_and_only_the_register_counts_for_organs() -> None:
    words = sheet_in_words(a_usual_sheet(), "fr")
    assert words.chapter("blood-group").notices == (FRENCH("transfusion"),)
    assert words.chapter("directives").notices == (FRENCH("refusals"),)
    assert "laboratoire\u00a0: Laboratoire inventé" in words.chapter("blood-group").lines[0].salient


def test_of_a_directive_only_its_existence_and_its_place_are_shown() -> None:
    value = Quantity("3")
    directive = line(1, Chapter.DIRECTIVES, PENICILLIN, value=value, comments=("secret",), where="au coffre")
    (shown,) = sheet_in_words(a_sheet(directive), "fr").chapter("directives").lines
    assert shown.label == "amoxicilline"
    assert shown.details == ()
    assert shown.salient == (FRENCH("exists"), "se trouve\u00a0: au coffre")


def test_doubts_contradictions_and_the_patient_side_are_marked_as_such() -> None:
    texts = " | ".join(sheet_in_words(a_full_sheet(), "fr").all).replace("\u00a0", " ")
    for shown in (
        "Informations contradictoires (n° 1)",
        "Information ancienne",
        "Le code et le texte du document se contredisent",
        "texte du document : « autre chose »",
        "noms dans le document : LÉVOTHYROX ; paracétamol ; autre chose",
        "Date impossible dans le document : non reprise",
        "Déclaré par une personne qui la représente le 5 janv. 2026, Basile INVENTÉ",
        "Confirmé par Dr Camille FICTIF jusqu’au 1er sept. 2025",
        "Absence déclarée : amoxicilline",
        "Réfuté : Infarctus du myocarde",
        "Non réalisé : vaccin grippe",
        "Le document indique : néant | portée : « Allergies identifiées pendant le séjour »",
        "depuis : 10 janv. 2024, fin inconnue",
        "toutes les 12 h",
    ):
        assert shown in texts


def test_people_to_call_stand_before_directives() -> None:
    keys = [chapter.key for chapter in sheet_in_words(a_sheet(), "fr").chapters]
    assert keys[-3:] == [PEOPLE, "directives", "counts"]


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (FactTime("2026"), "en 2026"),
        (FactTime("2026-03"), "en mars 2026"),
        (FactTime("2026-03-01"), "le 1er mars 2026"),
        (FactTime("2026-03-12T09:30+01:00"), "le 12 mars 2026, 09:30"),
        (FactTime(start="2020", end="2021-02"), "de 2020 à février 2021"),
        (FactTime(words="l’an dernier"), "l’an dernier"),
        (FactTime(), None),
        (None, None),
    ],
)
def test_a_time_is_as_precise_as_it_was_written(time: FactTime | None, shown: str | None) -> None:
    assert time_in_words(time, FRENCH) == shown


def test_a_quantity_keeps_its_comparator_and_its_unit() -> None:
    assert amount_in_words(Quantity("1.0", "mg/L", "<"), FRENCH) == "<1.0 mg/L"
    assert amount_in_words(QuantityRange(Quantity("1"), Quantity("2", "cp")), FRENCH) == "de 1 à 2 cp"
    assert amount_in_words(QuantityRange(Quantity("1")), FRENCH) == "au moins 1"
