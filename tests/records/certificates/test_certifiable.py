"""A dose is certified where a professional coded that this person got it on a day; what leaves a doubt is not."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from services.records.certificates.domain.certifiable import Lifetime, certifiable_doses, is_signed_by_professional
from services.records.certificates.domain.doses import PerformedDose, VaccineCode
from services.records.clinical_facts.domain.extraction import extract
from services.records.clinical_facts.domain.model import MARKS
from services.records.documents.domain.metadata import StoredAuthor
from services.records.facts.domain.documents import DocumentSummary
from services.records.summary.domain.citations import CITED_FACT, DOCTOR_STATEMENT
from shared.runtime import clock
from shared.terminology.vaccines import ATC, CVX
from tests.infra.platform.paths import ROOT
from tests.infra.records import structured_cdas as cda
from tests.infra.records.records_api import DOCTOR, HOSPITAL

SAMPLES = Path(os.environ.get("DMP_SAMPLES", ROOT.parent / "shared" / "samples")) / "cda"
VERSION = clock.new_id(bucket=3)
LIFETIME = Lifetime(date(1980, 1, 1), date(2026, 11, 30))
MMR = cda.code("translation", "J07BD52", cda.ATC, "Vaccin ROR")
TWO = UUID(int=2)


def vaccine(inside: str = MMR, *, system: str = cda.CIS, value: str = "60000001", lot: str = "L-12") -> str:
    coded = cda.code("code", value, system, "VACCIN INVENTÉ", inside)
    return cda.product(f"{coded}<lotNumberText>{lot}</lotNumberText>")


def party(name: str, id: str = f'root="1.2.250.1.71.4.2.1" extension="{DOCTOR}"') -> str:
    inner = "assignedAuthor" if name == "author" else "assignedEntity"
    who = "<assignedPerson><name><given>Camille</given><family>INVENTÉE</family></name></assignedPerson>"
    return f"<{name}><{inner}><id {id}/>{who}</{inner}></{name}>"


def dose(*inside: str, at: str = "20250301", negated: bool = False, mood: str = "EVN", code: str = "") -> str:
    return cda.treatment(cda.time(at), code or vaccine(), *inside, numbers=["45"], negated=negated, mood=mood)


def certifiable(*entries: str, section: str = "147") -> list[PerformedDose]:
    extraction = extract(cda.a_structured_cda(cda.section(section, *entries)), "text/xml", VERSION)
    return certifiable_doses(VERSION, extraction.facts, LIFETIME)


def test_a_given_coded_dose_of_a_day_is_certified_as_its_author_coded_it() -> None:
    (certified,) = certifiable(dose(party("performer"), at="20250301094500+0100"))
    assert (certified.document_id, certified.day) == (VERSION, date(2025, 3, 1))
    assert certified.codes == (VaccineCode("urn:oid:1.2.250.1.213.2.3.1", "60000001"), VaccineCode(ATC, "J07BD52"))
    assert (certified.name, certified.lot, certified.performer) == ("VACCIN INVENTÉ", "L-12", "Camille INVENTÉE")
    assert certified.diseases == {"measles", "mumps", "rubella"}


def test_a_package_is_left_out_where_the_vaccine_has_a_code_and_stands_alone_otherwise() -> None:
    package = cda.code("translation", "3400930000001", "1.2.250.1.213.2.3.3")
    assert [code.code for code in certifiable(dose(code=vaccine(package)))[0].codes] == ["60000001"]
    alone = vaccine("", system="1.2.250.1.213.2.3.3", value="3400930000001")
    assert [code.code for code in certifiable(dose(code=alone))[0].codes] == ["3400930000001"]
    cvx = vaccine("", system="2.16.840.1.113883.12.292", value="03")
    assert certifiable(dose(code=cvx))[0].codes == (VaccineCode(CVX, "03"),)


@pytest.mark.parametrize(
    ("entry", "section"),
    [
        pytest.param(dose(negated=True), "147", id="negated"),
        pytest.param(dose(mood="INT"), "147", id="planned"),
        pytest.param(dose(), "158", id="in the plan of care"),
        pytest.param(dose(at="202503"), "147", id="of a month"),
        pytest.param(dose(at="1975"), "147", id="of a year"),
        pytest.param(dose(at="20092012"), "147", id="of an impossible day"),
        pytest.param(dose(at="19791231"), "147", id="before birth"),
        pytest.param(dose(at="20261201"), "147", id="in the future"),
        pytest.param(dose(cda.subject()), "147", id="of another person"),
        pytest.param(dose(code=vaccine("", system="1.2.3.4", value="X")), "147", id="in an unknown system"),
        pytest.param(dose(code=cda.product('<code nullFlavor="UNK"/><name>Vaccin</name>')), "147", id="without a code"),
        pytest.param(dose(party("author", 'root="1.2.3" extension="patient"')), "147", id="by no professional"),
    ],
)
def test_what_leaves_a_doubt_is_not_certified(entry: str, section: str) -> None:
    assert certifiable(entry, section=section) == []


@pytest.mark.parametrize("mark", sorted(MARKS))
def test_a_marked_dose_is_not_certified(mark: str) -> None:
    extraction = extract(cda.a_structured_cda(cda.section("147", dose())), "text/xml", VERSION)
    marked = [structs.replace(fact, marks=(mark,)) for fact in extraction.facts]
    assert len(certifiable_doses(VERSION, extraction.facts, LIFETIME)) == 1
    assert certifiable_doses(VERSION, marked, LIFETIME) == []


def test_a_dose_without_a_date_is_not_certified() -> None:
    undated = cda.treatment(cda.NO_TIME, vaccine(), numbers=["45"], negated=False)
    period = cda.treatment(cda.time(low="20250301", high="20250303"), vaccine(), numbers=["45"], negated=False)
    assert certifiable(undated, period) == []


@pytest.mark.parametrize("root", [CITED_FACT, DOCTOR_STATEMENT])
def test_what_a_summary_sheet_restates_is_certified_from_its_source_alone(root: str) -> None:
    extension = f"{uuid4()}.{uuid4()}" if root == CITED_FACT else str(uuid4())
    assert certifiable(dose(f'<id root="{root}" extension="{extension}"/>')) == []


def summary_of(**changed: Any) -> DocumentSummary:
    values: dict[str, Any] = {
        "id": VERSION,
        "record_id": uuid4(),
        "status": "published",
        "type": "11369-6",
        "class_code": "52",
        "section": "CAR_VAC",
        "labels": frozenset({"N"}),
        "organisation_id": HOSPITAL,
        "client_id": "software-1",
        "author_ids": frozenset({DOCTOR}),
        "received_at": datetime(2026, 11, 1, tzinfo=UTC),
        "deposit_id": TWO,
    }
    return DocumentSummary(**{**values, **changed})


def author(**changed: Any) -> StoredAuthor:
    values: dict[str, Any] = {
        "kind": "professional",
        "professional": DOCTOR,
        "organisation": HOSPITAL,
        "role": "G15_10/SM26",
    }
    return StoredAuthor(**{**values, **changed})


ORGANISATION = author(kind="organisation", professional=None, role=None)


@pytest.mark.parametrize(
    ("authors", "changed", "expected"),
    [
        ([author()], {}, True),
        ([author(role=None), ORGANISATION], {}, True),
        ([], {}, False),
        ([ORGANISATION], {}, False),
        ([author(professional=None)], {}, False),
        ([author(role="EXP_PATIENT")], {}, False),
        ([author(), author(kind="patient", professional=None, role=None)], {}, False),
        ([author(kind="device", professional=None, role="AUTOMATE")], {}, False),
        ([author()], {"class_code": "90"}, False),
        *[([author()], {"deposited_by": kind}, False) for kind in ("patient", "representative", "carer")],
    ],
)
def test_professionals_alone_sign_what_is_certified(
    authors: list[StoredAuthor], changed: dict[str, Any], expected: bool
) -> None:
    assert is_signed_by_professional(summary_of(**changed), authors) is expected


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published documents are not here")
def test_of_the_published_documents_the_dated_doses_that_were_given_are_certified() -> None:
    doses = {
        name: certifiable_doses(
            VERSION,
            extract((SAMPLES / f"{name}.xml").read_bytes(), "text/xml", VERSION).facts,
            replace(LIFETIME, birth=date(1900, 1, 1)),
        )
        for name in ("VAC_2021.01", "IPS-FR_2024.01", "CSE-CS24_2021.01")
    }
    assert [dose.day.isoformat() for dose in doses["VAC_2021.01"]] == ["2009-09-28", "2009-09-28", "2021-04-09"]
    assert {tuple(sorted(dose.diseases)) for dose in doses["IPS-FR_2024.01"]} == {
        ("diphtheria", "poliomyelitis", "tetanus")
    }
    assert doses["CSE-CS24_2021.01"] == [], "its 20 doses have no date"
