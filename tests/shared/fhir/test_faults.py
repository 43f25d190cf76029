"""The faults of a submission, one at a time, and the code that names each."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from shared.terminology import oids
from tests.shared.fhir.test_bundle import Json, attachment, binary, codes, good, reference, submission_set


def _twice(bundle: Json) -> None:
    bundle["entry"][2]["fullUrl"] = bundle["entry"][1]["fullUrl"]


def _update(bundle: Json) -> None:
    request = {"method": "PATCH", "url": "DocumentReference/7"}
    bundle["entry"].append({"resource": {"resourceType": "Parameters"}, "request": request})


def _folder(bundle: Json) -> None:
    folder = deepcopy(bundle["entry"][0])
    folder["fullUrl"] = "urn:uuid:folder"
    folder["resource"]["code"]["coding"][0]["code"] = "folder"
    bundle["entry"].append(folder)


def source_patient(bundle: Json) -> Json:
    patients = [resource for resource in reference(bundle)["contained"] if resource["resourceType"] == "Patient"]
    patient: Json = patients[0]
    return patient


FAULTS: dict[str, tuple[Callable[[Json], object], str]] = {
    "another Bundle": (lambda b: b.update(type="batch"), "bundle-type-unexpected"),
    "another resource": (lambda b: b.update(resourceType="Patient"), "resource-unexpected"),
    "no entry": (lambda b: b.update(entry=[]), "element-invalid"),
    "no SubmissionSet": (lambda b: b["entry"].pop(0), "submission-set-missing"),
    "two SubmissionSets": (lambda b: b["entry"].append(deepcopy(b["entry"][0])), "submission-set-repeated"),
    "a folder": (_folder, "folder-not-supported"),
    "an update of an older document": (_update, "update-not-supported"),
    "a resource that is not taken": (
        lambda b: b["entry"][2]["resource"].update(resourceType="Consent"),
        "resource-not-supported",
    ),
    "no document": (lambda b: b["entry"].pop(1), "document-missing"),
    "no Binary": (lambda b: b["entry"].pop(2), "binary-missing"),
    "an unused Binary": (lambda b: b["entry"].append({**b["entry"][2], "fullUrl": "urn:uuid:x"}), "binary-unused"),
    "a fullUrl twice": (_twice, "entry-duplicate"),
    "another method": (lambda b: b["entry"][1]["request"].update(method="PUT"), "method-not-supported"),
    "a condition": (lambda b: b["entry"][1]["request"].update(ifNoneExist="a=b"), "condition-not-supported"),
    "no request": (lambda b: b["entry"][1].pop("request"), "element-missing"),
    "a document not listed": (lambda b: submission_set(b).update(entry=[]), "item-missing"),
    "an older document listed": (
        lambda b: submission_set(b)["entry"].append({"item": {"reference": "DocumentReference/7"}}),
        "item-not-supported",
    ),
    "a title with a control character": (lambda b: attachment(b).update(title="A\x01B"), "control-character"),
    "a birth date that is no date": (lambda b: source_patient(b).update(birthDate="12/06/1955"), "element-invalid"),
    "a gender that is none": (lambda b: source_patient(b).update(gender="F"), "element-invalid"),
    "a title of two lines": (lambda b: attachment(b).update(title="A\nB"), "control-character"),
    "a period that ends on the day before": (
        lambda b: reference(b)["context"].update(period={"start": "2026-03-12T14:00:00Z", "end": "2026-03-11"}),
        "element-invalid",
    ),
    "a period that ends in the month before": (
        lambda b: reference(b)["context"].update(period={"start": "2026-03-01", "end": "2026-02"}),
        "element-invalid",
    ),
    "a period that ends a second before": (
        lambda b: reference(b)["context"].update(
            period={"start": "2026-03-12T14:00:01Z", "end": "2026-03-12T14:00:00Z"}
        ),
        "element-invalid",
    ),
    "an unknown type": (lambda b: reference(b)["type"]["coding"][0].update(code="34105-7"), "type-unknown"),
    "a type without system": (lambda b: reference(b)["type"]["coding"][0].pop("system"), "type-unknown"),
    "no INS": (lambda b: reference(b).update(subject={"reference": "Patient/7"}), "ins-missing"),
    "an old INS": (
        lambda b: reference(b).update(subject={"identifier": {"system": f"urn:oid:{oids.INS_C}", "value": "0" * 22}}),
        "ins-system-unknown",
    ),
    "a malformed INS": (
        lambda b: reference(b).update(subject={"reference": f"Patient?identifier=urn:oid:{oids.INS_NIR}|123"}),
        "ins-malformed",
    ),
    "two patients": (
        lambda b: submission_set(b).update(
            subject={"reference": f"Patient?identifier=urn:oid:{oids.INS_NIR}|258077511402542"}
        ),
        "patient-inconsistent",
    ),
    "another source patient": (
        lambda b: reference(b)["contained"][0]["identifier"].append(
            {"system": f"urn:oid:{oids.INS_NIR}", "value": "279035121518989"}
        ),
        "patient-inconsistent",
    ),
    "an unknown label": (
        lambda b: reference(b)["securityLabel"][0]["coding"][0].update(code="X"),
        "security-label-unknown",
    ),
    "no label": (lambda b: reference(b).pop("securityLabel"), "element-missing"),
    "another status": (lambda b: reference(b).update(status="superseded"), "element-invalid"),
    "a docStatus": (lambda b: reference(b).update(docStatus="final"), "element-forbidden"),
    "a modifier": (lambda b: reference(b).update(modifierExtension=[{}]), "element-forbidden"),
    "content in the attachment": (lambda b: attachment(b).update(data="YQ=="), "element-forbidden"),
    "two contents": (lambda b: reference(b)["content"].append(reference(b)["content"][0]), "element-repeated"),
    "an id that is none": (
        lambda b: reference(b)["masterIdentifier"].update(value="urn:uuid:abcd-efgh"),
        "element-invalid",
    ),
    "no author": (lambda b: reference(b).update(author=[]), "element-invalid"),
    "a date without zone": (lambda b: reference(b).update(date="2026-03-12T14:20:00"), "element-invalid"),
    "a day that is none": (lambda b: reference(b).update(date="2026-02-30"), "element-invalid"),
    "a year that nobody means": (lambda b: reference(b).update(date="9999-12-31T23:59:59-12:00"), "element-invalid"),
    "an end before the start": (
        lambda b: reference(b)["context"].update(period={"start": "2026-03-12", "end": "2026-03-11T00:00:00Z"}),
        "element-invalid",
    ),
    "a long title": (lambda b: attachment(b).update(title="x" * 256), "element-too-long"),
    "another size": (lambda b: attachment(b).update(size=1), "size-mismatch"),
    "a size in words": (lambda b: attachment(b).update(size=True), "element-invalid"),
    "another hash": (lambda b: attachment(b).update(hash="2jmj7l5rSw0yVb/vlWAYkK/YBwk="), "hash-mismatch"),
    "a hexadecimal hash": (lambda b: attachment(b).update(hash="0" * 40), "hash-not-base64"),
    "another content type": (lambda b: binary(b).update(contentType="image/png"), "content-type-mismatch"),
    "no base64": (lambda b: binary(b).update(data="%%%%"), "base64-invalid"),
    "the other alphabet": (lambda b: binary(b).update(data="_-_-"), "base64-invalid"),
    "base64 after its end": (lambda b: binary(b).update(data="YQ==YQ=="), "base64-invalid"),
    "letters that are none": (lambda b: binary(b).update(data="é" * 4), "base64-invalid"),
    "no padding": (lambda b: binary(b).update(data="YWI"), "base64-unpadded"),
    "no content": (lambda b: binary(b).update(data=""), "content-missing"),
    "a NUL": (lambda b: attachment(b).update(title="a\0b"), "nul-character"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named(name: str) -> None:
    bundle = good()
    FAULTS[name][0](bundle)
    assert FAULTS[name][1] in codes(bundle)
