"""A sheet as a CDA document: conforming, honest where nothing is there, and read back as citations of what it shows."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree

import msgspec
import pytest

from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.model import ClinicalFact, FactKind
from services.records.clinical_facts.domain.values import Coding, FactTime, Quantity
from services.records.summary.domain.cda.document import document_id, write_cda
from services.records.summary.domain.cda.sections import entry_concept
from services.records.summary.domain.citations import Citation, citation_of
from services.records.summary.domain.sheet import Chapter, SummaryLine, SummarySheet
from shared.cda.header import read_header
from tests.infra.records.summary_sheets import (
    DOCTOR,
    DOCTOR_ID,
    EMDN,
    LOINC,
    PATIENT,
    PENICILLIN,
    RECORD,
    a_full_sheet,
    a_sheet,
    a_usual_sheet,
    coded,
    line,
)

CDA = {"": "urn:hl7-org:v3"}
NOTHING = Citation("no-information")
SAMPLES = Path(os.environ.get("DMP_SAMPLES", Path(__file__).parents[4] / "shared" / "samples"))
CHECK = SAMPLES.parent / "schematrons" / "check.py"


def facts_in(sheet: SummarySheet) -> dict[Citation, ClinicalFact]:
    """Returns the facts that are read out of the document of a sheet, by what they cite."""
    extraction = extract(write_cda(sheet), "text/xml", UUID(int=99))
    assert extraction.reason is None
    facts: dict[Citation, ClinicalFact] = {}
    for fact in extraction.facts:
        cited = citation_of(fact.source.ids)
        assert cited is not None, "a fact of a sheet proposes nothing of its own"
        if cited == NOTHING:
            assert fact.statement == "unknown"
            continue
        assert cited not in facts, "no fact is doubled"
        facts[cited] = fact
    return facts


def citation(of: SummaryLine) -> Citation:
    if of.cited is not None:
        return Citation("fact", of.cited.fact_id, of.cited.document_id)
    return Citation("doctor" if of.origin == "doctor" else "patient-side", of.id)


def codes(fact: ClinicalFact) -> set[Coding]:
    codings = fact.code.codings if fact.code is not None else ()
    return {Coding(coding.code, coding.system) for coding in codings}


@pytest.mark.parametrize("sheet", [a_usual_sheet(), a_full_sheet()])
def test_every_entry_is_read_back_as_the_fact_that_it_cites(sheet: SummarySheet) -> None:
    facts = facts_in(sheet)
    expected = {citation(line): line for line in sheet.lines if entry_concept(line) is not None}
    assert facts.keys() == expected.keys()
    for cited, shown in expected.items():
        fact, original = facts[cited], shown.fact
        assert fact.kind is original.kind
        assert codes(fact) == codes(original)
        assert fact.is_positive == original.is_positive
        assert fact.time == original.time or (fact.time or FactTime()).first == (original.time or FactTime()).first
        assert [reaction.manifestation.codings for reaction in fact.reactions] == [
            reaction.manifestation.codings for reaction in original.reactions
        ]
        if original.kind in (FactKind.BLOOD_GROUP, FactKind.PREGNANCY):
            assert type(fact.value) is type(original.value)


def test_how_a_medicine_is_taken_and_which_dose_of_a_vaccine_it_was_are_read_back() -> None:
    facts = {fact.kind: fact for fact in facts_in(a_usual_sheet()).values()}
    vaccination = facts[FactKind.VACCINATION].treatment
    assert vaccination is not None
    assert (vaccination.lot, vaccination.dose_number, vaccination.manufacturer) == ("LOT1", "3", "Laboratoire inventé")
    single = a_usual_sheet().of(Chapter.TREATMENTS)[0]
    detail = single.fact.treatment
    assert detail is not None
    fact = msgspec.structs.replace(single.fact, treatment=msgspec.structs.replace(detail, posology=detail.posology[:1]))
    (read,) = facts_in(a_sheet(replace(single, fact=fact))).values()
    assert read.treatment is not None
    (posology,) = read.treatment.posology
    assert posology.dose == Quantity("1", "comprimé")
    assert posology.frequency[0].event == "ACM"
    (ingredient,) = read.treatment.ingredients
    assert ingredient.strength is not None
    assert ingredient.strength.numerator == Quantity("75", "ug")


def test_an_empty_sheet_states_no_information_and_never_that_there_is_none() -> None:
    content = write_cda(a_sheet()).decode()
    assert {*re.findall(r'code="(no-[a-z-]+)"', content)} == {
        *("no-allergy-info", "no-problem-info", "no-medication-info", "no-procedure-info", "no-device-info"),
        "no-immunization-info",
    }
    assert "no-known" not in content
    assert facts_in(a_sheet()) == {}


@pytest.mark.parametrize("statement", ["none", "unknown"])
def test_a_none_keeps_its_scope_in_words_and_becomes_no_wider_code(statement: str) -> None:
    scoped = line(1, Chapter.ALLERGIES, PENICILLIN, statement=statement, scope="pendant le séjour")
    content = write_cda(a_sheet(scoped)).decode()
    assert "portée\u00a0: «\u00a0pendant le séjour\u00a0»" in content
    assert 'code="no-allergy-info"' in content
    assert "J01CA04" not in content


def test_a_rejected_line_stands_in_words_alone() -> None:
    document = write_cda(a_full_sheet()).decode()
    assert "arachide" in document
    (section,) = [part for part in document.split("<section>") if "arachide" in part]
    assert "arachide" not in section[section.index("</text>") :]


def test_problems_that_are_over_are_not_among_the_active_ones() -> None:
    active = line(1, Chapter.PROBLEMS, coded("E10", "2.16.840.1.113883.6.3", "Diabète"))
    over = line(2, Chapter.PROBLEMS, coded("J18", "2.16.840.1.113883.6.3", "Pneumonie"), time=FactTime(end="2001"))
    root = ElementTree.fromstring(write_cda(a_sheet(active, over)))
    found = {
        section.find("code", CDA).get("code"): [value.get("code") for value in section.iterfind(".//value", CDA)]  # type: ignore[union-attr]
        for section in root.iter("{urn:hl7-org:v3}section")
    }
    assert (found["11450-4"], found["11348-0"]) == (["E10"], ["J18"])


def test_a_version_to_sign_is_a_document_of_its_doctor() -> None:
    content = write_cda(a_usual_sheet(signer=DOCTOR, version=2, replaces=UUID(int=5)))
    header = read_header(content)
    assert header.type.code == "60591-5"
    assert header.format_code == "urn:ihe:pcc:ips:2020"
    assert header.authors[0].professional == DOCTOR_ID
    assert header.authenticator is not None
    assert header.authenticator.professional == DOCTOR_ID
    assert header.ins == (PATIENT.ins,)
    assert header.replaces == f"urn:uuid:{UUID(int=5)}"
    assert header.unique_id == f"urn:uuid:{document_id(content)}"


def test_a_sheet_that_is_only_read_is_answered_for_by_nobody() -> None:
    header = read_header(write_cda(a_usual_sheet()))
    assert header.authenticator is None
    assert header.authors[0].is_device


def test_an_anonymous_document_names_nobody() -> None:
    named, anonymous = (write_cda(a_sheet(patient=patient)).decode() for patient in (PATIENT, None))
    for personal in (PATIENT.ins.matricule, "INVENTÉE", "19550612"):
        assert personal in named
        assert personal not in anonymous


def test_equal_sheets_give_equal_bytes_and_another_one_another_id() -> None:
    content = write_cda(a_usual_sheet(signer=DOCTOR))
    assert write_cda(a_usual_sheet(signer=DOCTOR)) == content
    assert document_id(write_cda(a_usual_sheet(signer=DOCTOR, version=2))) != document_id(content)
    assert RECORD.hex not in content.decode().replace("-", "").lower()


def test_codes_outside_the_value_sets_of_the_model_are_left_to_the_words() -> None:
    odd = coded("X", EMDN, "AUTRE SORTE")
    lines = (
        line(1, Chapter.PROBLEMS, PENICILLIN, category=odd, clinical_status=odd),
        line(2, Chapter.DIRECTIVES, coded("Z28", "2.16.840.1.113883.6.3", "Refus de vaccination")),
        line(3, Chapter.DIRECTIVES, coded("75793-0", LOINC, "Autre directive")),
    )
    content = write_cda(a_sheet(*lines)).decode()
    assert content.count("AUTRE SORTE") == 2, "the kind and the status, in words"
    assert "Refus de vaccination" in content
    assert 'code="Z28"' not in content


@pytest.mark.skipif(not CHECK.is_file(), reason="the published schematrons are not here")
def test_no_published_rule_fails(tmp_path: Path) -> None:
    pytest.importorskip("saxonche")
    sheets = {
        "empty": a_sheet(patient=None),
        "usual": a_usual_sheet(signer=DOCTOR, replaces=UUID(int=5)),
        "full": a_full_sheet(signer=DOCTOR),
        "read": a_full_sheet(),
    }
    paths = [tmp_path / f"IPS-FR_2024.01_{name}.xml" for name in sheets]
    for path, sheet in zip(paths, sheets.values(), strict=True):
        path.write_bytes(write_cda(sheet))
    done = subprocess.run([sys.executable, CHECK, *paths], capture_output=True, text=True, check=False)
    lines = re.findall(r"(\d+) rules fired, (\d+) asserts failed", done.stdout)
    assert len(lines) == len(sheets), done.stderr
    assert all(int(fired) > 40 and failed == "0" for fired, failed in lines), done.stdout
