"""Sheets of the facts of published documents: every format can write them, and all stays conforming."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from services.records.clinical_facts.domain.extraction import extract
from services.records.summary.domain.cda.document import write_cda
from services.records.summary.domain.cda.sections import entry_concept
from services.records.summary.domain.citations import citation_of
from services.records.summary.domain.fhir.bundle import write_fhir
from services.records.summary.domain.html import write_html
from services.records.summary.domain.sheet import Chapter, CitedDocument, SummaryLine, SummarySheet
from tests.infra.fhir.ips import missing_elements
from tests.infra.fhir.oracle import assert_fhir_resource
from tests.infra.records.summary_sheets import DOCTOR, KINDS, PEOPLE, a_sheet

SAMPLES = Path(os.environ.get("DMP_SAMPLES", Path(__file__).parents[4] / "shared" / "samples"))
CHECK = SAMPLES.parent / "schematrons" / "check.py"
CHAPTERS = {kind: chapter for chapter, kind in KINDS.items()}
MANY_KINDS = (
    *("IPS-FR_2024.01", "VSM_1.4", "CSE-CS24_2021.01", "OBP-SAP_2021.01", "LDL-SES_2020.01", "LDL-EES_2020.01"),
    *("VAC_2021.01", "VAC-NOTE_2021.01", "eP-MED-DM_PosoStruct_2022.01", "F-PRC-TAP_1.4"),
)
"""Documents that between them have every kind of line."""
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the published documents are not here")


@dataclass(frozen=True)
class Sample:
    """A sheet of all facts of a published document that have a chapter."""

    name: str
    sheet: SummarySheet


def samples(names: Collection[str] | None = None) -> Iterator[Sample]:
    order = list(Chapter)
    paths = sorted((SAMPLES / "cda").glob("*.xml"))
    for number, path in enumerate((path for path in paths if names is None or path.stem in names), 1):
        version = UUID(int=number)
        lines = [
            SummaryLine(
                fact.id,
                CHAPTERS[fact.kind],
                fact,
                sources=(CitedDocument(version, fact.id, path.name, section=fact.source.section_title),),
            )
            for fact in extract(path.read_bytes(), "text/xml", version).facts
            if fact.kind in CHAPTERS
        ]
        lines.sort(key=lambda line: order.index(line.chapter))
        yield Sample(path.stem, a_sheet(*lines, people_to_call=PEOPLE, signer=DOCTOR))


def test_every_sheet_is_a_valid_summary_and_is_read_back_out_of_its_own_document() -> None:
    count = 0
    for sample in samples(MANY_KINDS):
        sheet = sample.sheet
        bundle = json.loads(write_fhir(sheet, "fr"))
        for resource in (bundle, *(entry["resource"] for entry in bundle["entry"])):
            assert_fhir_resource(resource)
            assert missing_elements(resource) == [], sample.name
        facts = extract(write_cda(sheet), "text/xml", UUID(int=99)).facts
        cited = [citation.line_id for fact in facts if (citation := citation_of(fact.source.ids)) is not None]
        assert len(cited) == len(facts)
        expected = {line.id for line in sheet.lines if entry_concept(line) is not None}
        assert {id for id in cited if id is not None} == expected, sample.name
        assert b"</html>" in write_html(sheet, "en")
        count += len(expected)
    assert count > 120


@pytest.mark.long
@pytest.mark.skipif(not CHECK.is_file(), reason="the published schematrons are not here")
def test_no_published_rule_fails_for_any_of_them(tmp_path: Path) -> None:
    pytest.importorskip("saxonche")
    paths = []
    for sample in samples():
        paths.append(tmp_path / f"IPS-FR_2024.01_{sample.name}.xml")
        paths[-1].write_bytes(write_cda(sample.sheet))
    done = subprocess.run([sys.executable, CHECK, *paths], capture_output=True, text=True, check=False)
    failed = re.findall(r"(\d+) asserts failed", done.stdout)
    assert failed == ["0"] * len(paths), done.stdout
