"""What is deposited is given back as it was sent, in a read and in a search."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from services.records.documents.domain.metadata import DocumentMetadata, metadata_of
from shared.fhir.bundle import parse_submission
from shared.fhir.submission import NO_OPTIONAL_ELEMENTS
from shared.terminology import oids
from tests.infra.load.documents import Person
from tests.infra.platform.paths import ROOT
from tests.infra.records.records_api import (
    HOSPITAL,
    RecordsApi,
    a_deposit,
    as_patient,
    bundle_of,
    codes,
    document_ids,
    ins_of,
)

SOMEBODY = Person(93)
SAMPLES = Path(os.environ.get("DMP_SAMPLES", ROOT.parent / "shared" / "samples")) / "fhir"
Json = dict[str, Any]

STRUCTURE, PROFESSIONAL = f"urn:oid:{oids.STRUCTURE}", f"urn:oid:{oids.PROFESSIONAL}"
NARRATIVE = {
    "status": "additional",
    "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Consultation <b>inventée</b></p></div>',
}
EVENTS = [
    {"coding": [{"system": "http://snomed.info/sct", "code": "371530004", "display": "Compte rendu"}], "text": "Suivi"},
    {"text": "Deuxième acte"},
]
RELATED = [
    {"identifier": {"system": "urn:oid:1.2.250.1.999.1", "value": "DEMANDE-7"}, "display": "Demande d’examen"},
    {"reference": "https://hopital.example/fhir/ServiceRequest/7", "type": "ServiceRequest"},
]


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(SOMEBODY)
    await api.be_fresh()
    return record_id


def document_of(bundle: Json) -> Json:
    resource: Json = bundle["entry"][1]["resource"]
    return resource


async def given_back(api: RecordsApi, record: UUID, change: Callable[[Json], None]) -> tuple[Json, Json]:
    """Returns the DocumentReference as it is given back, by a read and by a search, and the answer to the deposit."""
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY)))
    change(document_of(bundle))
    answer = await api.deposit(orjson.dumps(bundle))
    assert answer.status_code == 200, answer.text
    [document] = document_ids(answer)
    await api.decide(document)
    read = await api.get(f"/fhir/DocumentReference/{document}", as_patient(record))
    searched = await api.search(as_patient(record), patient=str(record), status="current")
    assert read.status_code == 200, read.text
    found = next(e["resource"] for e in searched.json()["entry"] if e["resource"]["id"] == str(document))
    assert found == read.json()
    return read.json(), answer.json()


def contained(document: Json, reference: Json) -> Json:
    resource: Json = next(one for one in document["contained"] if f"#{one['id']}" == reference["reference"])
    return resource


def warnings_of(answer: Json) -> list[tuple[str, str]]:
    issues = answer["entry"][1]["response"]["outcome"]["issue"]
    return [
        (issue["details"]["coding"][0]["code"], issue["expression"][0])
        for issue in issues
        if issue["severity"] == "warning"
    ]


async def test_description_narrative_events_and_related_resources_come_back_as_sent(
    api: RecordsApi, record: UUID
) -> None:
    def change(document: Json) -> None:
        document |= {"description": "Consultation de suivi.\nSans particularité.", "text": NARRATIVE}
        document["context"] |= {"event": EVENTS, "related": RELATED}

    document, answer = await given_back(api, record, change)
    assert (document["description"], document["text"]) == ("Consultation de suivi.\nSans particularité.", NARRATIVE)
    assert (document["context"]["event"], document["context"]["related"]) == (EVENTS, RELATED)
    assert warnings_of(answer) == []


async def test_labels_of_codes_come_back_as_sent(api: RecordsApi, record: UUID) -> None:
    code = {"system": oids.TRE_A06_SYSTEM, "code": "urn:asip:ci-sis:vsm:2012", "display": "Synthèse médicale"}
    setting = {"system": oids.TRE_A01_SYSTEM, "code": "ETABLISSEMENT", "display": "Etablissement de santé"}

    def change(document: Json) -> None:
        document["content"][0]["format"] = code
        document["context"]["practiceSetting"] = {"coding": [setting]}

    document, _ = await given_back(api, record, change)
    assert document["content"][0]["format"] == code
    assert document["context"]["practiceSetting"] == {"coding": [setting]}


async def test_authors_and_structures_come_back_with_their_names(api: RecordsApi, record: UUID) -> None:
    def change(document: Json) -> None:
        document["contained"] += [
            {
                "resourceType": "Practitioner",
                "id": "doctor",
                "identifier": [{"system": PROFESSIONAL, "value": "899900000018"}],
                "name": [{"prefix": ["Dr"], "given": ["Léa"], "family": "INVENTÉE"}],
            },
            {
                "resourceType": "PractitionerRole",
                "id": "role",
                "practitioner": {"reference": "#doctor"},
                "organization": {"reference": "#hospital"},
            },
            {
                "resourceType": "Organization",
                "id": "hospital",
                "identifier": [{"system": STRUCTURE, "value": HOSPITAL}],
                "name": "Hôpital Inventé",
            },
            {"resourceType": "Device", "id": "device", "deviceName": [{"name": "Automate", "type": "model-name"}]},
        ]
        names = ["role", "hospital", "device"]
        document["author"] = [*({"reference": f"#{name}"} for name in names), {"display": "Dr Noé IMAGINÉ"}]
        document["authenticator"] = {"reference": "#doctor"}
        document["custodian"] = {"reference": "#hospital"}

    document, answer = await given_back(api, record, change)
    names = ["Dr Léa INVENTÉE", "Hôpital Inventé", "Automate", "Dr Noé IMAGINÉ"]
    assert [author["display"] for author in document["author"]] == names
    role, hospital, device, other = (contained(document, author) for author in document["author"])
    assert role["practitioner"] == {"display": "Dr Léa INVENTÉE"}
    assert role["organization"]["display"] == "Hôpital Inventé"
    assert (hospital["name"], device["deviceName"][0]["name"]) == ("Hôpital Inventé", "Automate")
    assert other["practitioner"] == {"display": "Dr Noé IMAGINÉ"}
    assert contained(document, document["custodian"])["name"] == "Hôpital Inventé"
    authenticator = contained(document, document["authenticator"])
    assert authenticator["identifier"] == [{"system": PROFESSIONAL, "value": "899900000018"}]
    assert document["authenticator"]["display"] == "Dr Léa INVENTÉE"
    assert warnings_of(answer) == []


async def test_the_source_patient_comes_back_by_identifier_without_a_trait(api: RecordsApi, record: UUID) -> None:
    local = {"system": "urn:oid:1.2.250.1.999.2", "value": "IPP-7"}

    def change(document: Json) -> None:
        document["contained"][0]["identifier"].insert(0, local)

    document, _ = await given_back(api, record, change)
    source = document["context"]["sourcePatientInfo"]
    assert source["identifier"] == local
    patient = contained(document, source)
    ins = {"system": ins_of(SOMEBODY).system, "value": SOMEBODY.ins}
    assert patient == {"resourceType": "Patient", "id": "source-patient", "identifier": [local, ins]}


async def test_relations_come_back_and_those_without_effect_are_answered_with_a_warning(
    api: RecordsApi, record: UUID
) -> None:
    relations = [
        {"code": "appends", "target": {"identifier": {"system": oids.URI, "value": "urn:oid:1.2.250.1.999.7"}}},
        {"code": "signs", "target": {"reference": "https://hopital.example/fhir/DocumentReference/7"}},
        {"code": "transforms", "target": {"identifier": {"system": "urn:oid:1.2.250.1.999.7", "value": "CR-7"}}},
    ]
    document, answer = await given_back(api, record, lambda sent: sent.update(relatesTo=relations))
    assert document["relatesTo"] == relations
    assert warnings_of(answer) == [("relation-without-effect", "Bundle.entry[1].resource.relatesTo")] * 3


async def test_a_replacement_names_the_document_that_it_replaces(api: RecordsApi, record: UUID) -> None:
    first = a_deposit(SOMEBODY)
    await api.publish(first)
    relations = [{"code": "replaces", "target": {"identifier": {"system": oids.URI, "value": first.unique_id}}}]
    document, answer = await given_back(api, record, lambda sent: sent.update(relatesTo=relations))
    assert document["relatesTo"] == relations
    assert warnings_of(answer) == []


async def test_the_encounter_comes_back(api: RecordsApi, record: UUID) -> None:
    encounter = [{"identifier": {"system": "urn:oid:1.2.250.1.999.3", "value": "S-42"}, "display": "Séjour"}]
    document, answer = await given_back(api, record, lambda sent: sent["context"].update(encounter=encounter))
    assert document["context"]["encounter"] == encounter
    assert warnings_of(answer) == []


async def test_an_element_that_is_not_kept_is_answered_with_a_warning(api: RecordsApi, record: UUID) -> None:
    def change(document: Json) -> None:
        document["identifier"] = [{"system": oids.URI, "value": f"urn:uuid:{uuid4()}"}]
        document["context"]["extension"] = [{"url": "https://example.org/stay", "valueString": "Séjour"}]

    document, answer = await given_back(api, record, change)
    assert "identifier" not in document
    assert warnings_of(answer) == [
        ("element-not-kept", "Bundle.entry[1].resource.identifier"),
        ("element-not-kept", "Bundle.entry[1].resource.context.extension"),
    ]


PRACTITIONER = {"resourceType": "Practitioner", "id": "p", "name": [{"given": ["a\u0001", None]}]}
GIVEN = "contained[0].name[0].given[0]"
REFUSED = [
    ({"text": {"status": "generated", "div": "<p>a</p>"}}, "narrative-invalid", "text.div"),
    ({"text": {"status": "secret", "div": NARRATIVE["div"]}}, "element-invalid", "text.status"),
    ({"text": {"div": NARRATIVE["div"]}}, "element-missing", "text.status"),
    (
        {"text": {**NARRATIVE, "div": NARRATIVE["div"].replace("<p>", "<p onclick='a()'>")}},
        "narrative-unsafe",
        "text.div",
    ),
    ({"description": "a\u0001"}, "control-character", "description"),
    ({"description": "a" * 4097}, "element-too-long", "description"),
    (
        {"author": [{"reference": "#p"}], "contained": [PRACTITIONER]},
        "element-invalid",
        GIVEN,
    ),
    ({"author": [{"display": "a\u0001"}]}, "control-character", "author[0].display"),
    ({"authenticator": []}, "element-invalid", "authenticator"),
    ({"relatesTo": [{"code": "near", "target": {"reference": "a"}}]}, "element-invalid", "relatesTo[0].code"),
]


@pytest.mark.parametrize(("elements", "code", "place"), REFUSED)
async def test_an_optional_element_that_is_not_what_fhir_wants_is_refused_with_its_place(
    api: RecordsApi, record: UUID, elements: Json, code: str, place: str
) -> None:
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY)))
    document_of(bundle).update(elements)
    answer = await api.deposit(orjson.dumps(bundle))
    assert (answer.status_code, codes(answer)) == (422, [code])
    assert answer.json()["issue"][0]["expression"] == [f"Bundle.entry[1].resource.{place}"]


@pytest.mark.parametrize(("name", "item"), [("event", {}), ("related", {}), ("related", {"type": "Patient"})])
async def test_an_item_that_says_nothing_is_refused(api: RecordsApi, record: UUID, name: str, item: Json) -> None:
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY)))
    document_of(bundle)["context"][name] = [item]
    answer = await api.deposit(orjson.dumps(bundle))
    assert (answer.status_code, codes(answer)) == (422, ["element-missing"])


async def test_a_list_of_events_has_an_end(api: RecordsApi, record: UUID) -> None:
    bundle = orjson.loads(bundle_of(a_deposit(SOMEBODY)))
    document_of(bundle)["context"]["event"] = [{"text": "a"}] * 51
    answer = await api.deposit(orjson.dumps(bundle))
    assert (answer.status_code, codes(answer)) == (422, ["element-repeated"])


def test_metadata_of_an_older_release_have_no_optional_elements() -> None:
    [document] = parse_submission(bundle_of(a_deposit(SOMEBODY))).documents
    older = json.loads(metadata_of(document).model_dump_json())
    del older["optional"]
    for code in (older["format"], older["facility_type"], older["practice_setting"]):
        del code["display"]
    for author in older["authors"]:
        del author["name"], author["organisation_name"]
    assert DocumentMetadata.model_validate(older).optional == NO_OPTIONAL_ELEMENTS
    assert DocumentMetadata.model_validate_json(metadata_of(document).model_dump_json()) == metadata_of(document)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published samples are not here")
async def test_published_documents_come_back_as_sent(api: RecordsApi, record: UUID) -> None:
    samples = [json.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("pdsm*/DocumentReference-*.json"))]
    assert samples
    for sample in samples:

        def change(document: Json, sample: Json = sample) -> None:
            document |= {name: sample[name] for name in ("description", "text") if name in sample}
            document["contained"] += [one for one in sample.get("contained", ()) if one["resourceType"] != "Patient"]
            document["authenticator"] = sample["authenticator"] if "authenticator" in sample else sample["author"][0]
            if "format" in sample["content"][0]:
                document["content"][0]["format"] = sample["content"][0]["format"]

        document, answer = await given_back(api, record, change)
        assert document.get("description") == sample.get("description")
        assert document["text"] == sample["text"]
        assert document["content"][0]["format"] == sample["content"][0].get("format", document["content"][0]["format"])
        assert "authenticator" in document
        assert warnings_of(answer) == []
