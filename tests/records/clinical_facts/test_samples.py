"""The facts of the published documents, counted by kind, and the rules that keep a patient safe, as they show there.

Of each kind: positive, p planned, n negated, 0 stated as none. A document that has none of a kind is not named there.
"""

import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from services.records.clinical_facts.domain.codec import decode_block, encode_block
from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.model import (
    CODE_TEXT_DISAGREE,
    IMPOSSIBLE_DATE,
    NAMES_DISAGREE,
    SYSTEM_UNKNOWN,
    ClinicalFact,
    Extraction,
    FactKind,
)
from services.records.clinical_facts.domain.values import Concept, Quantity
from shared.runtime import clock
from tests.infra.platform.paths import ROOT

SAMPLES = Path(os.environ.get("DMP_SAMPLES", ROOT.parent / "shared" / "samples")) / "cda"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published documents are not here")
VERSION = clock.new_id(bucket=3)
LISTED = frozenset(FactKind) - {FactKind.LIFESTYLE, FactKind.ADVERSE_EFFECT}
"""Kinds that the table names wherever they stand; of the two others the documents have what stands in OTHERS."""

EXPECTED = {
    "VSM_1.4": "problem 4, allergy 1, treatment 2, procedure 1, family-history 1",
    "IPS-FR_2024.01": (
        "problem 7, allergy 1, treatment 1+2p, vaccination 2+2p, procedure 2+2p, device 2, pregnancy 4, measure 2, "
        "result 2, directive 8, family-history 1"
    ),
    "CR-BIO_2021.01_Auto-Presentable": "result 11",
    "CR-BIO_2021.01_Electrophorese": "result 44",
    "VAC_2021.01": "vaccination 4",
    "VAC-NOTE_2021.01": (
        "vaccination 1, problem 2, allergy 1, treatment 1, measure 4, pregnancy 6, directive 1"
        # Three of the pregnancy's are answered by no in the narrative and by `false` in the value.
    ),
    "eP-MED-DM_PosoStruct_2022.01": "treatment 2p, device 1p, measure 2, pregnancy 1",
    "eP-MED-DM_PosoNonStruct_2022.01": "treatment 2p, device 1p, measure 2, pregnancy 1",
    "SDM-MR_2021.01": "problem 3, treatment 1, procedure 1, measure 3",
    "LDL-SES_2020.01": "allergy 1x0, treatment 2, device 1, procedure 1p",
    "LDL-EES_2020.01": "allergy 1, treatment 1, problem 1, procedure 1",
    "CSE-CS24_2021.01": "vaccination 20, problem 4+3n, allergy 1, measure 3, finding 4+26n, procedure 1np",
    "OBP-SAP_2021.01": (
        "blood-group 1, problem 5+4n, pregnancy 7+1n, allergy 1, treatment 1, procedure 1, measure 3, family-history 2"
    ),
    # What no list names, read against the narrative: the child's refused BCG, palliative care answered by no.
    "CSE-CS8_2021.01": ("measure 5, problem 2+3n, finding 3+9n, procedure 1+1n+1np, treatment 1, vaccination 1+1n"),
    "DLU-DLU_2021.01": "problem 2, allergy 2, treatment 1p, directive 1+1x0, vaccination 3",
    "F-PRC-PSC_1.4": "problem 1, procedure 1, device 4",
    "CNAM-HR_2021.01": "",
    "CR-BIO_2021.01_CDA-R2-Niveau-1": "",
}
OTHERS = {
    "VSM_1.4": 2,
    "IPS-FR_2024.01": 5,
    "VAC-NOTE_2021.01": 7,
    "CSE-CS24_2021.01": 1,
    "OBP-SAP_2021.01": 5,
    "CSE-CS8_2021.01": 1,
}
IMPLANTS = {"IPS-FR_2024.01": 1, "LDL-SES_2020.01": 1, "eP-MED-DM_PosoStruct_2022.01": 0, "F-PRC-PSC_1.4": 4}


@cache
def read(name: str) -> Extraction:
    return extract((SAMPLES / f"{name}.xml").read_bytes(), "text/xml", VERSION)


def facts(name: str, kind: FactKind) -> list[ClinicalFact]:
    return [fact for fact in read(name).facts if fact.kind is kind]


def labels(concepts: list[Concept | None]) -> list[str | None]:
    return [concept.label if concept is not None else None for concept in concepts]


def described(extraction: Extraction) -> dict[str, Counter[str]]:
    """Counts facts by kind and form: "" positive, p planned, n negated, x0 none."""
    counts: dict[str, Counter[str]] = {}
    for fact in extraction.facts:
        if fact.kind in LISTED:
            none = "x0" if fact.statement == "none" else ""
            form = f"{none}{'n' if fact.negated else ''}{'p' if fact.is_planned else ''}"
            counts.setdefault(fact.kind.value, Counter())[form] += 1
    return counts


def parsed(row: str) -> dict[str, Counter[str]]:
    kinds = dict(part.split(" ") for part in row.split(", ") if part)
    return {
        kind: Counter(
            {form.lstrip("0123456789"): int(form.rstrip("npx").partition("x")[0]) for form in text.split("+")}
        )
        for kind, text in kinds.items()
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_a_published_document_gives_the_expected_facts(name: str) -> None:
    extraction = read(name)
    assert described(extraction) == parsed(EXPECTED[name])
    assert sum(fact.kind not in LISTED for fact in extraction.facts) == OTHERS.get(name, 0)
    if name in IMPLANTS:
        assert sum(fact.is_implant for fact in extraction.facts) == IMPLANTS[name]


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.xml")), ids=lambda path: path.stem)
def test_facts_of_every_published_document_have_ids_of_their_own_and_come_back_from_their_block(path: Path) -> None:
    read_facts = read(path.stem).facts
    assert len({fact.id for fact in read_facts}) == len(read_facts)
    assert decode_block(encode_block(read_facts)).facts == read_facts
    assert all(fact.code is not None for fact in read_facts)


def test_an_earlier_value_within_a_result_is_no_fact() -> None:
    results = facts("CR-BIO_2021.01_Electrophorese", FactKind.RESULT)
    urea = [fact for fact in results if fact.code is not None and fact.code.text == "Urée"]
    assert [fact.value for fact in urea] == [Quantity("10.02", "mmol/L", None, (Quantity("0.60", "g/L"),))]
    assert not any(fact.details for fact in results)


def test_a_comparator_is_kept_and_a_conversion_is_no_second_result() -> None:
    results = facts("CR-BIO_2021.01_Auto-Presentable", FactKind.RESULT)
    values = [fact.value for fact in results]
    assert Quantity("1.0", "mg/L", "<") in values
    assert Quantity("0.62", "g/L", None, (Quantity("0.71", "mmol/L"),)) in values


def test_the_moment_of_collection_comes_from_the_sampling_beside_the_results() -> None:
    protein = facts("CR-BIO_2021.01_Electrophorese", FactKind.RESULT)[0]
    assert protein.specimen is not None
    assert protein.specimen.collected is not None
    assert protein.specimen.collected.end == "2021-01-04T07:35+01:00"
    assert protein.time is not None
    assert protein.time.at == "2021-01-04T13:19:33+01:00"


def test_a_measure_without_a_time_has_that_of_its_group_or_none_never_that_of_the_document() -> None:
    assert {fact.time.at if fact.time else None for fact in facts("VAC-NOTE_2021.01", FactKind.MEASURE)} == {
        "2020-07-29T13:51:00+01:00"
    }
    assert {fact.time for fact in facts("SDM-MR_2021.01", FactKind.MEASURE)} == {None}
    assert {fact.time for fact in facts("CSE-CS24_2021.01", FactKind.PROBLEM)} == {None}


def test_the_allergen_is_the_participant_and_the_value_its_reaction() -> None:
    (allergy,) = facts("VSM_1.4", FactKind.ALLERGY)
    assert labels([allergy.code]) == ["PARACETAMOL"]
    assert labels([reaction.manifestation for reaction in allergy.reactions]) == ["Urticaire"]
    (gluten,) = facts("CSE-CS24_2021.01", FactKind.ALLERGY)
    assert labels([gluten.code]) == ["Gluten"]
    assert gluten.reactions == ()


def test_a_negation_holds_for_its_own_element() -> None:
    (allergy,) = facts("LDL-EES_2020.01", FactKind.ALLERGY)
    assert allergy.is_positive
    assert [reaction.negated for reaction in allergy.reactions] == [False, True]
    assert [fact.negated for fact in facts("CSE-CS24_2021.01", FactKind.PROBLEM)].count(True) == 3


def test_aucun_is_a_none_within_its_scope() -> None:
    (allergy,) = facts("LDL-SES_2020.01", FactKind.ALLERGY)
    assert (allergy.statement, allergy.scope) == ("none", "Allergies identifiées pendant le séjour")
    assert not allergy.is_positive


def test_what_is_about_another_person_is_no_fact() -> None:
    child = {"Poids à la naissance", "Mode d'accouchement", "PLAVIX 75mg, comprimé pelliculé", "Retard de croissance"}
    assert child.isdisjoint(labels([fact.code for fact in read("OBP-SAP_2021.01").facts]))
    assert facts("CSE-CS8_2021.01", FactKind.PREGNANCY) == []
    relations = [fact.relation for fact in facts("OBP-SAP_2021.01", FactKind.FAMILY)]
    assert labels(relations) == ["Mère", "Père"]


def test_a_code_beside_words_that_say_the_contrary_is_marked() -> None:
    marked = {
        (name, fact.kind.value, fact.code.label if fact.code else None)
        for name in ("CSE-CS24_2021.01", "OBP-SAP_2021.01", "LDL-EES_2020.01", "SDM-MR_2021.01")
        for fact in read(name).facts
        if CODE_TEXT_DISAGREE in fact.marks
    }
    assert marked == {
        ("CSE-CS24_2021.01", "lifestyle", "Autre élément social"),  # breast-feeding: Oui, coded false
        ("CSE-CS24_2021.01", "problem", "Prématurité inf. à 33 semaines"),  # Non, coded without negation
        ("CSE-CS24_2021.01", "finding", "Dents cariées"),  # 0
        ("CSE-CS24_2021.01", "procedure", "Demande de surveillance médicale particulière"),  # Oui, negated
        ("CSE-CS24_2021.01", "vaccination", "Hep. Virale B"),  # coded as Haemophilus influenzae
        ("OBP-SAP_2021.01", "problem", "Hypertension artérielle"),  # negated, with its cause
        ("OBP-SAP_2021.01", "pregnancy", "Age gestationnel du fœtus (estimation clinique)"),  # 41 SA, negated
        ("LDL-EES_2020.01", "allergy", "OFLOCET 200mg, comprimé pelliculé stable"),  # Paracétamol
        ("SDM-MR_2021.01", "problem", "Leucémie lymphoblastique aigüe"),  # Acromégalie
    }


def test_an_ingredient_with_another_name_is_shown_and_marked() -> None:
    (levothyrox,) = [fact for fact in facts("IPS-FR_2024.01", FactKind.TREATMENT) if not fact.is_planned]
    assert levothyrox.marks == (NAMES_DISAGREE,)
    assert levothyrox.treatment is not None
    assert labels([ingredient.substance for ingredient in levothyrox.treatment.ingredients]) == [
        "LÉVOTHYROXINE SODIQUE"
    ]


def test_a_code_of_an_unknown_system_stays_text_and_is_marked() -> None:
    (allergy,) = facts("OBP-SAP_2021.01", FactKind.ALLERGY)
    assert SYSTEM_UNKNOWN in allergy.marks
    (reaction,) = allergy.reactions
    assert reaction.manifestation.codings == ()


def test_completed_never_means_that_a_treatment_ended() -> None:
    ended, discharge = facts("LDL-SES_2020.01", FactKind.TREATMENT)
    assert (ended.status, ended.phase) == ("given", "stay")
    assert (discharge.status, discharge.phase) == ("stated", "discharge")
    (admission,) = facts("LDL-EES_2020.01", FactKind.TREATMENT)
    assert (admission.phase, admission.time.end_unknown if admission.time else None) == ("admission", True)


def test_a_date_that_does_not_exist_is_unknown() -> None:
    marked = [fact for fact in read("CR-BIO_2021.01_Electrophorese").facts if IMPOSSIBLE_DATE in fact.marks]
    assert marked == []  # the date 20092012 stands in an earlier value, which is no fact
    (bcg, *_) = facts("VAC_2021.01", FactKind.VACCINATION)
    assert bcg.time is not None
    assert bcg.time.at == "1975"


def test_of_directives_the_existence_is_shown_and_a_refused_vaccine_as_that() -> None:
    assert all(fact.value is None for fact in facts("IPS-FR_2024.01", FactKind.DIRECTIVE))
    (refusal,) = facts("VAC-NOTE_2021.01", FactKind.DIRECTIVE)
    assert labels([refusal.code]) == ["Refus de vaccination"]
    palliative, directives = facts("DLU-DLU_2021.01", FactKind.DIRECTIVE)
    assert (palliative.statement, directives.statement) == ("none", "stated")


def test_a_causing_medicine_is_no_treatment() -> None:
    (effect,) = facts("IPS-FR_2024.01", FactKind.ADVERSE_EFFECT)
    assert labels([effect.code]) == ["AMOXICILLINE EG 1G BUV SACH 6"]
    assert "AMOXICILLINE EG 1G BUV SACH 6" not in labels(
        [fact.code for fact in facts("IPS-FR_2024.01", FactKind.TREATMENT)]
    )


def test_a_reimbursement_document_and_one_without_a_structured_body_say_why_they_give_no_facts() -> None:
    assert (read("CNAM-HR_2021.01").outcome, read("CNAM-HR_2021.01").reason) == ("none", "reimbursements")
    level_1 = read("CR-BIO_2021.01_CDA-R2-Niveau-1")
    assert (level_1.outcome, level_1.reason) == ("none", "not-structured")
