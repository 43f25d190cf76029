"""Warnings at a prescription: what warns, what never does, and what is said not to be checked."""

from datetime import date, timedelta

import pytest

from services.records.clinical_facts.domain.model import CODE_TEXT_DISAGREE, FactKind
from services.records.clinical_facts.domain.values import BooleanValue, Coding, Concept
from services.records.warnings.domain.prescription import OrderedMedicine, Prescription
from services.records.warnings.domain.prescription_check import check_prescription
from services.records.warnings.domain.tables import Tables
from services.records.warnings.domain.warnings import CheckResult, RecordFact
from services.records.warnings.domain.words import ADVICE, Language, acknowledged_sentence, item_and_other, sentence
from shared.runtime import clock
from shared.terminology.oids import LOINC
from tests.infra.records.prescriptions import (
    AMOXICILLIN,
    COLCHICINE,
    COMBINED,
    NO_FILES,
    TABLES,
    TODAY,
    a_fact,
    a_treatment,
    an_allergy,
    atc,
    cis,
    ordered,
    prescription,
)

AMOXICILLIN_BY_ATC = ordered(atc("J01CA04", "amoxicilline"), name="Amoxicilline 500 mg")
CLARITHROMYCIN = ordered(atc("J01FA09", "clarithromycine"), name="Clarithromycine 500 mg")
PARACETAMOL = ordered(atc("N02BE01", "paracétamol"))


def check(order: Prescription, *facts: RecordFact, tables: Tables = TABLES, today: date = TODAY) -> CheckResult:
    return check_prescription(order, facts, tables, today)


def rules(result: CheckResult) -> list[str]:
    return [warning.rule.code for warning in result.warnings]


def reasons(result: CheckResult) -> list[tuple[str, int | None]]:
    return [(unchecked.reason, unchecked.item) for unchecked in result.unchecked]


@pytest.mark.parametrize(
    ("allergy", "rule"),
    [
        (an_allergy(atc("J01CA04", "amoxicilline")), "allergy-substance"),
        (an_allergy(cis(AMOXICILLIN.cis)), "allergy-substance"),
        (an_allergy(text="Allergie à l'amoxicilline (urticaire)"), "allergy-substance"),
        (an_allergy(atc("J01CA01", "ampicilline")), "allergy-class"),
        (an_allergy(atc("J01C", "pénicillines")), "allergy-class"),
        (an_allergy(atc("J01CE01", "benzylpénicilline")), "allergy-declared-class"),
        (an_allergy(text="Pénicilline"), "allergy-declared-class"),
        (an_allergy(Coding("C-52000", "1.2.250.1.213.2.12", "bêta-lactamines")), "allergy-declared-class"),
        (an_allergy(atc("J01DC02", "céfuroxime")), "allergy-declared-class"),
        (a_fact(FactKind.ADVERSE_EFFECT, Concept(atc("J01CA04"))), "allergy-substance"),
        (
            a_fact(FactKind.ADVERSE_EFFECT, Concept(text="AMOXINVENT"), ingredients=("Amoxicilline",)),
            "allergy-substance",
        ),
    ],
)
@pytest.mark.parametrize("order", [AMOXICILLIN_BY_ATC, ordered(cis(AMOXICILLIN.cis))])
def test_an_allergy_warns_of_its_substance_its_group_and_the_class_that_it_declares(
    order: OrderedMedicine, allergy: RecordFact, rule: str
) -> None:
    result = check(prescription(order), allergy)
    assert rules(result) == [rule]
    [warning] = result.warnings
    assert (warning.document_id, warning.items) == (allergy.document_id, (0,))
    assert [fact.fact.id for fact in warning.facts] == [allergy.fact.id]


@pytest.mark.parametrize(
    "allergy",
    [
        an_allergy(atc("J01CA04"), negated=True),
        an_allergy(atc("J01CA04"), statement="none"),
        an_allergy(atc("J01CA04"), statement="unknown"),
        an_allergy(atc("J01CA04"), certainty=Concept(Coding("refuted", "2.16.840.1.113883.4.642.1.1075"))),
        an_allergy(atc("J01CA04"), value=BooleanValue(False)),
        an_allergy(atc("M01AE01", "ibuprofène")),
        an_allergy(text="Pollens de graminées"),
        a_fact(FactKind.PROBLEM, Concept(atc("J01CA04"))),
        a_fact(FactKind.FAMILY, Concept(atc("J01CA04"))),
    ],
)
def test_what_is_no_positive_statement_about_the_patient_never_warns(allergy: RecordFact) -> None:
    assert rules(check(prescription(AMOXICILLIN_BY_ATC), allergy)) == []


def test_a_negated_allergy_whose_text_says_yes_does_not_warn_but_is_named() -> None:
    allergy = an_allergy(atc("J01CA04", "amoxicilline"), negated=True, marks=(CODE_TEXT_DISAGREE,))
    result = check(prescription(AMOXICILLIN_BY_ATC), allergy)
    assert rules(result) == []
    assert reasons(result) == [("code-and-text-disagree", None)]


def test_what_the_patient_declares_warns_marked_and_never_takes_a_warning_away() -> None:
    stated = an_allergy(atc("J01CA04", "amoxicilline"))
    declared = an_allergy(text="Amoxicilline", document=clock.new_id(3), declared_by="carer")
    denied = an_allergy(atc("J01CA04"), document=clock.new_id(3), declared_by="patient", negated=True)
    result = check(prescription(AMOXICILLIN_BY_ATC), stated, declared, denied)
    assert [warning.is_of_patient_side for warning in result.warnings] == [False, True]
    assert sentence(result.warnings[1], "fr").endswith("Déclaré par un aidant.")
    assert sentence(result.warnings[1], "en").endswith("Declared by a carer.")


@pytest.mark.parametrize("tables", [TABLES, NO_FILES])
@pytest.mark.parametrize(
    "treatment",
    [
        a_treatment(atc("M04AC01", "colchicine")),
        a_treatment(text="COLCHINVENT", ingredients=("Colchicine",)),
        a_treatment(atc("M04AC01"), at="2019-01-01"),
        a_treatment(atc("M04AC01"), end="2026-11-30"),
        a_treatment(atc("M04AC01"), end="2026-11"),
        a_treatment(atc("M04AC01"), status="planned"),
        a_treatment(atc("M04AC01"), status="given", at="2026-11-15"),
    ],
)
def test_an_interaction_with_a_treatment_that_may_go_on_warns(treatment: RecordFact, tables: Tables) -> None:
    result = check(prescription(CLARITHROMYCIN), treatment, tables=tables)
    assert rules(result) == ["interaction"]
    [warning] = result.warnings
    assert warning.rule.table is not None
    assert "ANSM" in warning.rule.table.source
    assert "Contre-indication" in sentence(warning, "fr")
    assert "fatal" in sentence(warning, "en")


@pytest.mark.parametrize(
    "treatment",
    [
        a_treatment(atc("M04AC01"), end="2026-11-29"),
        a_treatment(atc("M04AC01"), end="2026-10"),
        a_treatment(atc("M04AC01"), status="given", at="2026-10-15"),
        a_treatment(atc("M04AC01"), phase="stay", at="2026-09-01", end="2026-09-04"),
        a_treatment(atc("M04AC01"), negated=True),
    ],
)
def test_a_treatment_that_has_ended_or_is_denied_does_not_warn(treatment: RecordFact) -> None:
    assert rules(check(prescription(CLARITHROMYCIN), treatment)) == []


def test_two_prescribed_medicines_are_compared_and_need_no_document() -> None:
    result = check(prescription(CLARITHROMYCIN, ordered(cis(COLCHICINE.cis, "COLCHINVENT"))))
    [warning] = result.warnings
    assert (warning.items, warning.document_id, warning.facts) == ((0, 1), None, ())
    assert "COLCHINVENT" in sentence(warning, "en")


def test_the_same_substance_twice_warns_also_within_a_combination() -> None:
    combined = ordered(cis(COMBINED.cis))
    assert rules(check(prescription(combined, PARACETAMOL))) == ["same-substance"]
    assert rules(check(prescription(combined), a_treatment(text="x", ingredients=("Paracétamol",)))) == [
        "same-substance"
    ]
    assert rules(check(prescription(ordered(atc("N02AJ06"))), a_treatment(cis(COMBINED.cis)))) == ["same-substance"] * 2
    assert rules(check(prescription(combined), a_treatment(atc("J01CA04", "amoxicilline")))) == []


def test_facts_of_one_document_are_one_warning_and_those_of_two_documents_are_two_of_a_group() -> None:
    here, there = clock.new_id(3), clock.new_id(3)
    facts = [
        a_treatment(atc("J01CA04", "amoxicilline"), document=here),
        a_treatment(text="AMOX", ingredients=("Amoxicilline",), document=here),
        a_treatment(atc("J01CA04", "amoxicilline"), document=there),
    ]
    result = check(prescription(AMOXICILLIN_BY_ATC), *facts)
    assert sorted(len(warning.facts) for warning in result.warnings) == [1, 2]
    assert len({warning.group for warning in result.warnings}) == 1
    assert len({warning.id for warning in result.warnings}) == 2


def test_the_same_prescription_and_facts_give_the_same_ids_and_a_document_less_changes_no_other_warning() -> None:
    facts = [an_allergy(atc("J01C"), document=clock.new_id(3)), a_treatment(atc("J01CA04"), document=clock.new_id(3))]
    whole = check(prescription(AMOXICILLIN_BY_ATC), *facts)
    assert check(prescription(AMOXICILLIN_BY_ATC), *reversed(facts)) == whole
    without = check(prescription(AMOXICILLIN_BY_ATC), facts[0])
    assert without.warnings == tuple(each for each in whole.warnings if each.document_id == facts[0].document_id)


def test_a_medicine_without_a_substance_is_not_checked_which_is_not_no_warning() -> None:
    result = check(
        prescription(ordered(name="DOLIPRANE"), ordered(cis("69999999")), AMOXICILLIN_BY_ATC),
        a_treatment(text="un traitement"),
    )
    assert reasons(result) == [("substance-unknown", 0), ("substance-unknown", 1), ("substance-unknown", None)]
    by_file = check(prescription(ordered(cis(AMOXICILLIN.cis))), tables=NO_FILES)
    assert reasons(by_file) == [("substance-unknown", 0)]


def test_a_medicine_that_is_known_by_names_only_is_not_compared_with_classes_of_allergens() -> None:
    by_name = prescription(ordered(ingredients=("Céfuroxime",)))
    assert reasons(check(by_name, an_allergy(text="Pénicillines"))) == [
        ("allergen-by-name-only", None),
        ("class-unknown", 0),
    ]
    assert reasons(check(by_name)) == []


def test_an_allergen_in_words_is_said_to_be_compared_by_its_words_alone() -> None:
    assert reasons(check(prescription(PARACETAMOL), an_allergy(text="Arachide"))) == [("allergen-by-name-only", None)]


@pytest.mark.parametrize(
    ("code", "at", "days"),
    [
        ("718-7", "2026-11-28", 2),
        ("718-7", "2026-11-30T08:00+01:00", 0),
        ("718-7", "2026-11-23", 7),
        ("718-7", "2026-11-22", None),
        ("4548-4", "2026-09-15", 76),
        ("4548-4", "2026-08-01", None),
        ("718-7", "2026-12-05", 0),
        ("718-7", "2026-12-20", None),
    ],
)
def test_an_exam_warns_of_a_result_or_an_order_within_its_days(code: str, at: str, days: int | None) -> None:
    result = check(prescription(exams=(code,)), a_fact(FactKind.RESULT, Concept(Coding(code, LOINC)), at=at))
    assert [warning.days for warning in result.warnings] == ([] if days is None else [days])


def test_an_exam_is_compared_by_code_and_a_result_without_a_date_is_not_checked() -> None:
    other = a_fact(FactKind.RESULT, Concept(Coding("777-3", LOINC)), at="2026-11-29")
    undated = a_fact(FactKind.RESULT, Concept(Coding("718-7", LOINC)))
    planned = a_fact(FactKind.PROCEDURE, Concept(Coding("718-7", LOINC)), at="2026-11-29", status="planned")
    result = check(prescription(exams=("718-7", "718-7")), other, undated, planned)
    assert rules(result) == ["same-order", "same-order"]
    assert [warning.items for warning in result.warnings] == [(0,), (1,)]
    assert reasons(result) == [("undated", None)]


def test_the_worst_warning_comes_first() -> None:
    order = prescription(CLARITHROMYCIN, ordered(atc("N02AA05", "oxycodone")), AMOXICILLIN_BY_ATC, exams=("718-7",))
    facts = [
        a_fact(FactKind.RESULT, Concept(Coding("718-7", LOINC)), at=str(TODAY - timedelta(days=1))),
        a_treatment(atc("M04AC01", "colchicine")),
        an_allergy(atc("J01CA04", "amoxicilline")),
    ]
    assert [warning.kind for warning in check(order, *facts).warnings] == [
        "allergy",
        "interaction",
        "repeated-order",
        "interaction",
    ]


def test_the_patient_reads_an_acknowledged_warning_with_the_advice_not_to_stop() -> None:
    [warning] = check(prescription(AMOXICILLIN_BY_ATC), an_allergy(text="Pénicilline")).warnings
    languages: tuple[Language, ...] = ("fr", "en")
    for language in languages:
        item, other = item_and_other(warning, language)
        words = acknowledged_sentence(warning.kind, item, other, language)
        assert words.endswith(ADVICE[language])
        assert "Amoxicilline 500 mg" in words
        assert "Pénicilline" in words
