"""A prescription's document: its medicines, whom it names, and what is refused because a part would stay unchecked."""

import base64
import os
from pathlib import Path

import pytest

from services.records.warnings.domain.prescription_check import check_prescription
from services.records.warnings.domain.prescription_documents import (
    LARGEST_DOCUMENT,
    PrescriptionUnreadableError,
    prescription_of_cda,
)
from tests.infra.load.documents import Person
from tests.infra.platform.paths import ROOT
from tests.infra.records.prescriptions import NO_FILES, TODAY, a_prescription_cda, a_treatment, atc
from tests.infra.records.structured_cdas import LOINC, a_structured_cda, code, observation, pq, section

SAMPLES = Path(os.environ.get("DMP_SAMPLES", ROOT.parent / "shared" / "samples")) / "cda"
SOMEBODY = Person(72)


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_the_prescribed_medicines_are_read_with_whom_the_header_names() -> None:
    prescription = prescription_of_cda(encoded(a_prescription_cda(SOMEBODY, J01CA04="Amoxicilline")))
    [medicine] = prescription.medicines
    assert [(coding.code, coding.display) for coding in medicine.codes] == [("J01CA04", "Amoxicilline")]
    assert medicine.name == "Amoxicilline"
    assert prescription.person is not None
    assert [ins.matricule for ins in prescription.person.ins] == [SOMEBODY.ins]
    assert prescription.person.traits.birth_name == SOMEBODY.birth_name


UNREADABLE = {
    "no base64": "not base64!",
    "no document": encoded(b"%PDF-1.7"),
    "nothing prescribed": encoded(a_structured_cda(section("40"), person=SOMEBODY)),
    "a part in words": encoded(
        a_prescription_cda(
            SOMEBODY,
            observation(["99"], code("code", "718-7", LOINC, "Hémoglobine"), pq("13", "g/dL")),
            J01CA04="Amoxicilline",
        )
    ),
    "too large": encoded(a_prescription_cda(SOMEBODY, text="x" * LARGEST_DOCUMENT, J01CA04="Amoxicilline")),
    "too many": encoded(a_prescription_cda(SOMEBODY, **{f"J01CA{number:02}": "Pénicilline" for number in range(51)})),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_would_stay_unchecked_is_refused(what: str) -> None:
    with pytest.raises(PrescriptionUnreadableError):
        prescription_of_cda(UNREADABLE[what])


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published documents are not here")
@pytest.mark.parametrize("name", ["eP-MED-DM_PosoStruct_2022.01", "eP-MED-DM_PosoNonStruct_2022.01"])
def test_a_published_prescription_is_compared_and_its_magistral_preparation_is_said_not_to_be(name: str) -> None:
    prescription = prescription_of_cda(encoded((SAMPLES / f"{name}.xml").read_bytes()))
    present = a_treatment(atc("N02BE01", "paracétamol"))
    result = check_prescription(prescription, [present], NO_FILES, TODAY)
    assert [(warning.rule.code, warning.items) for warning in result.warnings] == [("same-substance", (0,))]
    assert ("substance-unknown", 1) in {(each.reason, each.item) for each in result.unchecked}
