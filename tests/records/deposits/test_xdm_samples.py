"""Every published CDA gives the same document alone and in an archive whose metadata state nothing of it; invented
ones when the samples are not available."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from services.records.deposits.domain.cda_submissions import CdaContent, submission_of_cdas
from services.records.deposits.domain.submissions import check_contents
from services.records.deposits.domain.xdm_submissions import submission_of_xdm
from shared.cda.header import read_header
from shared.errors import ClientError
from shared.fhir.submission import SubmittedDocument
from shared.xdm.archive import read_archive
from tests.infra.load.documents import Person
from tests.infra.platform.paths import DOCUMENTS, ROOT
from tests.infra.records.xdms import XdmDocument, an_archive, metadata_of

SAMPLES = Path(os.environ.get("DMP_SAMPLES", ROOT.parent / "shared" / "samples")) / "cda"
LIMIT = 20 * 1024 * 1024
LOCAL_PATIENT = "IPP-4711^^^&1.2.250.1.213.99.7&ISO^PI"
_SLOTS = ("creationTime", "languageCode", "serviceStartTime", "sourcePatientInfo", "sourcePatientId")
_CODES = ("class", "confidentiality", "format", "facility", "practice", "type")


def archive_of(content: bytes) -> bytes:
    document = XdmDocument(
        content,
        Person(1),
        unique_id=None,
        title=None,
        patient_id=LOCAL_PATIENT,
        authors=False,
        slots=dict.fromkeys((*_SLOTS, "legalAuthenticator")),
        codes=dict.fromkeys(_CODES),
        replaces=read_header(content).replaces is not None,
    )
    return an_archive(document, metadata=metadata_of([document], set_patient=LOCAL_PATIENT).encode())


def without_places(document: SubmittedDocument) -> SubmittedDocument:
    return replace(document, place=None, content_place=None, content_span=None)


@pytest.mark.parametrize("path", sorted((*DOCUMENTS.glob("*.xml"), *SAMPLES.glob("*.xml"))), ids=lambda path: path.name)
def test_a_cda_in_an_archive_is_the_document_that_it_is_alone(path: Path) -> None:
    content = path.read_bytes()
    archive = read_archive(archive_of(content), LIMIT)
    try:
        [alone] = check_contents(submission_of_cdas([CdaContent(content)])).documents
    except ClientError:
        with pytest.raises(ClientError):
            check_contents(submission_of_xdm(archive))
        return
    [archived] = check_contents(submission_of_xdm(archive)).documents
    assert without_places(archived) == without_places(alone)
