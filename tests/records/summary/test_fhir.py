"""A sheet as an International Patient Summary: valid, with every mandatory element, and honest where it is empty."""

import json
import re
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from services.records.clinical_facts.domain.values import FactTime
from services.records.summary.domain.coded_lines import coded_concept
from services.records.summary.domain.fhir.bundle import write_fhir
from services.records.summary.domain.sheet import Chapter, Language, SummarySheet
from shared.fhir.narrative import check_narrative
from tests.infra.fhir.ips import REQUIRED_SECTIONS, SECTION_TYPES, missing_elements
from tests.infra.fhir.oracle import assert_fhir_resource
from tests.infra.records.summary_sheets import (
    CIM_10,
    DOCTOR,
    PATIENT,
    PENICILLIN,
    a_full_sheet,
    a_sheet,
    a_usual_sheet,
    coded,
    line,
)

Json = dict[str, Any]
SHEETS = {
    "empty": a_sheet(),
    "anonymous": a_sheet(patient=None),
    "usual": a_usual_sheet(),
    "full": a_full_sheet(),
    "signed": a_full_sheet(signer=DOCTOR, version=2, replaces=UUID(int=5)),
}


def written(sheet: SummarySheet, language: Language = "fr") -> Json:
    bundle: Json = json.loads(write_fhir(sheet, language))
    return bundle


def resources(bundle: Json) -> list[Json]:
    return [entry["resource"] for entry in bundle["entry"]]


def sections(bundle: Json) -> dict[str, Json]:
    coded_sections = [section for section in resources(bundle)[0]["section"] if "code" in section]
    return {section["code"]["coding"][0]["code"]: section for section in coded_sections}


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("name", SHEETS)
def test_a_bundle_is_valid_and_has_what_the_summary_asks_for(name: str, language: Language) -> None:
    bundle = written(SHEETS[name], language)
    assert_fhir_resource(bundle)
    assert missing_elements(bundle) == []
    for resource in resources(bundle):
        assert_fhir_resource(resource)
        assert missing_elements(resource) == []


@pytest.mark.parametrize("name", SHEETS)
def test_every_reference_leads_to_an_entry_and_every_entry_is_referred_to(name: str) -> None:
    bundle = written(SHEETS[name])
    urls = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(urls)) == len(urls)
    assert urls == [f"urn:uuid:{resource['id']}" for resource in resources(bundle)]
    references = set(re.findall(r'"reference":"(?!#)([^"]+)"', json.dumps(bundle, separators=(",", ":"))))
    provenances = {f"urn:uuid:{r['id']}" for r in resources(bundle) if r["resourceType"] == "Provenance"}
    assert references == set(urls[1:]) - provenances
    assert [resource["resourceType"] for resource in resources(bundle)[:2]] == ["Composition", "Patient"]


@pytest.mark.parametrize("name", SHEETS)
def test_required_sections_are_there_and_each_refers_to_its_own_types(name: str) -> None:
    bundle = written(SHEETS[name])
    types = {f"urn:uuid:{resource['id']}": resource["resourceType"] for resource in resources(bundle)}
    found = sections(bundle)
    assert found.keys() >= REQUIRED_SECTIONS
    for code, section in found.items():
        check_narrative(section["text"]["div"])
        assert ("entry" in section) != ("emptyReason" in section)
        assert {types[entry["reference"]] for entry in section.get("entry", [])} <= {SECTION_TYPES[code]}


def test_an_empty_sheet_states_no_information_and_never_that_there_is_none() -> None:
    content = write_fhir(a_sheet(), "fr").decode()
    assert {*re.findall(r'"(no-[a-z-]+)"', content)} == {"no-allergy-info", "no-problem-info", "no-medication-info"}
    assert "no-known" not in content


@pytest.mark.parametrize("statement", ["none", "unknown"])
def test_a_none_keeps_its_scope_in_words_and_becomes_no_wider_code(statement: str) -> None:
    none = coded("no-known-allergies", "2.16.840.1.113883.5.1150.1", "Aucune allergie connue")
    scoped = line(1, Chapter.ALLERGIES, none, statement=statement, scope="pendant le séjour")
    content = write_fhir(a_sheet(scoped), "fr").decode()
    assert "portée\u00a0: «\u00a0pendant le séjour\u00a0»" in content
    assert "no-allergy-info" in content
    assert "no-known" not in content


def test_every_coded_line_is_a_resource_that_says_whether_it_is_confirmed() -> None:
    sheet = a_full_sheet()
    by_id = {resource["id"]: resource for resource in resources(written(sheet))}
    for shown in sheet.lines:
        assert (str(shown.id) in by_id) == (coded_concept(shown) is not None)
        if coded_concept(shown) is not None:
            tags = {tag["code"] for tag in by_id[str(shown.id)]["meta"]["tag"]}
            assert shown.state in tags
            assert ("old" in tags) == shown.is_old
            assert ("declared" in tags) == (shown.origin == "patient-side")


def test_nothing_negated_or_refuted_is_written_as_a_positive() -> None:
    negated = line(1, Chapter.ALLERGIES, PENICILLIN, negated=True)
    (allergy,) = [r for r in resources(written(a_sheet(negated))) if r["resourceType"] == "AllergyIntolerance"]
    assert allergy["verificationStatus"]["coding"][0]["code"] == "refuted"


def test_a_line_names_its_documents_its_authors_and_its_doctors() -> None:
    sheet = a_usual_sheet()
    allergy = sheet.of(Chapter.ALLERGIES)[0]
    target = [{"reference": f"urn:uuid:{allergy.id}"}]
    found = resources(written(sheet))
    (provenance,) = [r for r in found if r["resourceType"] == "Provenance" and r["target"] == target]
    assert allergy.cited is not None
    assert provenance["entity"][0]["what"]["identifier"]["value"] == f"urn:uuid:{allergy.cited.document_id}"
    agents = {agent["type"]["coding"][0]["code"]: agent["who"]["display"] for agent in provenance["agent"]}
    assert agents["author"] == "Dr Ève IMAGINÉE, Hôpital inventé"
    assert agents["verifier"] == "Dr Camille FICTIF"


def test_a_directive_is_a_reference_to_its_document_and_not_what_it_says() -> None:
    directive = replace(line(1, Chapter.DIRECTIVES, PENICILLIN, comments=("secret",)), where="au coffre")
    content = write_fhir(a_sheet(directive), "fr").decode()
    assert "secret" not in content
    (reference,) = [r for r in resources(json.loads(content)) if r["resourceType"] == "DocumentReference"]
    assert reference["content"] == [{"attachment": {"title": "Compte rendu de consultation"}}]


def test_problems_that_are_over_have_a_section_of_their_own() -> None:
    active = line(1, Chapter.PROBLEMS, coded("E10", CIM_10, "Diabète"))
    over = line(2, Chapter.PROBLEMS, coded("J18", CIM_10, "Pneumonie"), time=FactTime(end="2001"))
    found = sections(written(a_sheet(active, over)))
    assert found["11450-4"]["entry"] == [{"reference": f"urn:uuid:{active.id}"}]
    assert found["11348-0"]["entry"] == [{"reference": f"urn:uuid:{over.id}"}]


def test_only_a_signed_sheet_is_final_and_has_an_attester() -> None:
    read, signed = (resources(written(SHEETS[name]))[0] for name in ("full", "signed"))
    assert (read["status"], signed["status"]) == ("preliminary", "final")
    assert "attester" not in read
    assert signed["attester"][0]["party"] == signed["author"][0]
    assert signed["relatesTo"][0]["targetIdentifier"]["value"] == f"urn:uuid:{UUID(int=5)}"


def test_without_traits_the_person_is_anonymous() -> None:
    anonymous = write_fhir(a_sheet(patient=None), "fr").decode()
    for personal in (PATIENT.ins.matricule, "INVENTÉE", "1955-06-12"):
        assert personal not in anonymous
        assert personal in write_fhir(a_sheet(), "fr").decode()


def test_equal_sheets_give_equal_bytes() -> None:
    assert write_fhir(a_usual_sheet(), "fr") == write_fhir(a_usual_sheet(), "fr")
