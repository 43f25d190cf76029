"""The history as a CDA document: for whom the history is shown, of the person whom the record confirms."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from xml.etree import ElementTree

import orjson
import pytest

from services.records.reimbursements.domain.cda.document import Patient, document
from services.records.reimbursements.domain.history import StoredCare
from services.records.reimbursements.domain.lines import KINDS, Care
from shared.contracts.audit import AccessRecorded
from shared.crypto.fingerprints import trait_parts
from shared.values import Ins, Sex, StrictTraits
from tests.infra.http.tokens import bearer
from tests.infra.load.documents import Person
from tests.infra.records.mixes import acting
from tests.infra.records.records_api import (
    OTHER_DOCTOR,
    RING,
    RecordsApi,
    as_doctor,
    as_patient,
    ins_of,
    named,
    traits_of,
)
from tests.infra.records.reimbursements import recent_line, store

ALICE, BASILE = Person(1), Person(2)
FIRST, LAST = date(2024, 11, 29), date(2026, 11, 29)
NOBODY = Patient(
    Ins("255069999999934", "1.2.250.1.213.1.4.10"), StrictTraits("INVENTÉE", "ZOÉ", "1955-06-12", Sex.FEMALE, "99999")
)
CDA = {"": "urn:hl7-org:v3"}
SAMPLES = Path(os.environ.get("DMP_SAMPLES", Path(__file__).parents[4] / "shared" / "samples"))
CHECK = SAMPLES.parent / "schematrons" / "check.py"


def lines(**changed: Any) -> list[StoredCare]:
    """A line of each kind, with what is said of a medicine."""
    period = {"care_from": date(2026, 10, 5), "care_to": date(2026, 10, 8)}
    cares = [Care(**{"kind": kind, "label": f"<{kind}>", **period, **changed}) for kind in KINDS]
    return [StoredCare(bytes([number]) * 16, care) for number, care in enumerate(cares)]


def section_titles(content: bytes, entry: str) -> Sequence[str | None]:
    """Returns the titles of the sections that have this element in an entry."""
    root = ElementTree.fromstring(content)
    sections = root.findall("./component/structuredBody/component/section", CDA)
    return [
        section.findtext("title", None, CDA) for section in sections if section.find(f"entry/{entry}", CDA) is not None
    ]


def test_each_kind_of_care_has_its_section() -> None:
    content = document(NOBODY, lines(), FIRST, LAST)
    assert section_titles(content, "substanceAdministration") == ["Médicaments", "Vaccinations"]
    assert section_titles(content, "supply") == ["Dispositifs médicaux"]
    assert section_titles(content, "encounter") == ["Hospitalisations"]
    assert section_titles(content, "procedure") == ["Soins médicaux et dentaires", "Radiologie", "Biologie"]
    assert all(f"&lt;{kind}&gt;".encode() in content for kind in KINDS)


def test_without_information_every_section_says_that_there_is_none() -> None:
    content = document(NOBODY, [], FIRST, LAST).decode()
    assert content.count("Aucune donnée de remboursement connue dans la période") == 7
    assert content.count('displayName="Aucun"') == 7


def test_the_same_content_gives_the_same_bytes_and_another_content_another_identifier() -> None:
    content = document(NOBODY, lines(), FIRST, LAST)
    assert document(NOBODY, lines(), FIRST, LAST) == content
    other = document(NOBODY, lines(label="AUTRE"), FIRST, LAST)
    root, changed = (ElementTree.fromstring(text).find("id", CDA) for text in (content, other))
    assert root is not None
    assert changed is not None
    assert root.attrib != changed.attrib


def test_what_xml_cannot_hold_is_left_out() -> None:
    content = document(NOBODY, lines(label='A\ufffeB"<&>', code="N'\"", code_system="CCAM"), FIRST, LAST)
    assert "AB&quot;" in content.decode() or 'AB"' in content.decode()
    assert ElementTree.fromstring(content) is not None


FULL = {
    "ingredients": "PARACETAMOL",
    "quantity": 2,
    "prescriber_id": "899900000018",
    "prescriber_name": "DR CAMILLE INVENTÉE",
    "performer_name": "PHARMACIE INVENTÉE",
    "facility": "990000105",
    "group_code": "N02",
    "group_label": "ANALGESIQUES",
}


@pytest.mark.skipif(not CHECK.is_file(), reason="the published schematrons are not here")
@pytest.mark.parametrize(
    ("sample", "care"), [("", lines(code="1", code_system="CCAM", **FULL)), ("", lines()), ("_sans-info", [])]
)
def test_no_rule_fails_that_the_published_sample_does_not_fail(
    tmp_path: Path, sample: str, care: list[StoredCare]
) -> None:
    pytest.importorskip("saxonche")
    path = tmp_path / "CNAM-HR_2021.01.xml"
    path.write_bytes(document(NOBODY, care, FIRST, LAST))
    assert failed_rules(path) <= failed_rules(SAMPLES / "cda" / f"CNAM-HR_2021.01{sample}.xml")


def failed_rules(path: Path) -> set[str]:
    """Returns the rules that a document fails, after checking that many were tried."""
    done = subprocess.run([sys.executable, CHECK, path], capture_output=True, text=True, check=False)
    tried = re.search(r"(\d+) rules fired", done.stdout)
    assert tried is not None, done.stderr
    assert int(tried[1]) > 40
    return {line.strip() for line in done.stdout.splitlines()[1:]}


def body(person: Person, **changed: str) -> dict[str, Any]:
    traits = traits_of(person)
    assert traits.sex is not None
    return {
        "ins": ins_of(person).matricule,
        "ins_oid": ins_of(person).oid,
        "birth_name": traits.birth_name,
        "given_name": traits.given_name,
        "birth_date": traits.birth_date,
        "sex": traits.sex.value,
        "birth_place": traits.birth_place,
        **changed,
    }


async def post(api: RecordsApi, record_id: UUID, token: str, content: dict[str, Any], period: str = "/") -> Any:
    path = f"/records/{record_id}/history/document?period={period}"
    return await api.client.post(path, json=content, headers=bearer(token))


@pytest.fixture
async def record(api: RecordsApi) -> UUID:
    record_id = await api.open_record(ALICE)
    await api.choose(record_id, 1)
    biology = {"kind": "biology", "code_system": "NABM", "code": "7402", "label": "HCG", "confidential": "true"}
    await store(api, recent_line(ALICE, 1, days_ago=10), recent_line(ALICE, 2, days_ago=20, **biology))
    return record_id


async def test_the_patient_gets_the_whole_history_without_amounts_and_it_is_traced(
    api: RecordsApi, record: UUID
) -> None:
    answer = await post(api, record, as_patient(record), body(ALICE))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/xml")
    assert ins_of(ALICE).matricule in answer.text
    assert "MÉDICAMENT INVENTÉ" in answer.text
    assert "HCG" in answer.text
    assert "25.30" not in answer.text
    again = await post(api, record, as_patient(record), body(ALICE))
    assert again.content == answer.content
    assert [entry.action for entry in await api.announced(AccessRecorded)][-2:] == ["read-reimbursements"] * 2


async def test_a_representative_gets_no_confidential_care(api: RecordsApi, record: UUID) -> None:
    mother = uuid4()
    await api.name_people(record, 1, representatives=[named(mother)], is_minor=True)
    answer = await post(api, record, acting("representative", mother, record), body(ALICE))
    assert answer.status_code == 200
    assert "HCG" not in answer.text


@pytest.mark.parametrize(
    "changed", [{"birth_name": "AUTRE"}, {"birth_date": "1999-01-01"}, {"ins": ins_of(BASILE).matricule}]
)
async def test_the_record_must_confirm_the_person(api: RecordsApi, record: UUID, changed: dict[str, str]) -> None:
    await api.open_record(BASILE)
    answer = await post(api, record, as_patient(record), body(ALICE, **changed))
    assert (answer.status_code, answer.json()["code"]) == (422, "patient-mismatch")


async def test_traits_are_compared_as_those_of_a_deposit(api: RecordsApi, record: UUID) -> None:
    """Neither an unknown sex nor the normal form of an older release makes another person."""
    stored = {"birth_name": RING.fingerprint(*trait_parts(record, "birth_name", "TEʻURA"))}
    await api.pool.execute(
        "update records set traits = traits || $2::text::jsonb where id = $1", record, orjson.dumps(stored).decode()
    )
    answer = await post(api, record, as_patient(record), body(ALICE, birth_name="Teʻura", sex="unknown"))
    assert answer.status_code == 200, answer.text
    other = await post(api, record, as_patient(record), body(ALICE, birth_name="Teʻurax", sex="unknown"))
    assert other.json()["code"] == "patient-mismatch"


async def test_who_may_not_read_learns_nothing_not_even_whether_the_person_is_right(
    api: RecordsApi, record: UUID
) -> None:
    for content in (body(ALICE), body(BASILE)):
        assert (await post(api, record, as_doctor(OTHER_DOCTOR), content)).status_code == 404


@pytest.mark.parametrize("changed", [{"sex": "?"}, {"birth_date": "soon"}, {"ins": "1"}, {"ins_oid": "1.2"}])
async def test_what_is_no_person_is_refused(api: RecordsApi, record: UUID, changed: dict[str, str]) -> None:
    answer = await post(api, record, as_patient(record), body(ALICE, **changed))
    assert answer.status_code == 422
    assert ins_of(ALICE).matricule not in answer.text
