"""An archive that another implementation of IHE has made (IPF, in Java) is read as ours are.

Skipped where there is no JDK with Maven, or where Maven cannot fetch IPF.
"""

import asyncio
import shutil
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
import pytest_asyncio

from shared.contracts.records import DocumentReceived
from shared.terminology import oids
from tests.infra.http.tokens import bearer, software_token
from tests.infra.load.documents import Person
from tests.infra.platform.paths import ROOT
from tests.infra.records.cdas import a_cda
from tests.infra.records.records_api import DOCTOR, HOSPITAL, RecordsApi

pytestmark = pytest.mark.long

MAKER = ROOT / "tests" / "infra" / "records" / "ipf"
PERSON = Person(78)


async def output_of(*words: str, folder: Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    return process.returncode, out.decode(errors="replace")


@pytest_asyncio.fixture(scope="module")
async def classpath(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The jars of IPF."""
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        pytest.skip("there is no JDK with Maven")
    folder = tmp_path_factory.mktemp("ipf")
    shutil.copy(MAKER / "pom.xml", folder)
    words = ("mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=classpath")
    code, out = await output_of(*words, folder=folder)
    if code != 0:
        pytest.skip(f"Maven cannot fetch IPF: {out[-300:]}")
    return (folder / "classpath").read_text()


async def an_archive(classpath: str, folder: Path, unique_id: UUID, replaces: UUID | None = None) -> bytes:
    (folder / "cda.xml").write_bytes(a_cda(PERSON, unique_id, replaces=replaces))
    words = (
        *("java", "-cp", classpath, str(MAKER / "XdmMaker.java"), "made.zip", "cda.xml", str(unique_id)),
        *(PERSON.ins, oids.INS_NIR_TEST, PERSON.birth_name, PERSON.given_name, f"{PERSON.birth_date:%Y%m%d}"),
        *("F" if PERSON.sex == "female" else "M", DOCTOR, HOSPITAL, "new" if replaces is None else "replaces"),
    )
    code, out = await output_of(*words, folder=folder)
    assert code == 0, out
    return (folder / "made.zip").read_bytes()


async def send(api: RecordsApi, body: bytes) -> httpx2.Response:
    headers = {**bearer(software_token("software-1", HOSPITAL)), "content-type": "application/zip"}
    return await api.client.post("/xdm", content=body, headers=headers)


async def test_an_archive_of_ipf_is_deposited_and_replaced(
    classpath: str, shared_records_api: RecordsApi, tmp_path: Path
) -> None:
    api = shared_records_api
    await api.be_empty()
    record = await api.open_record(PERSON)
    await api.choose(record, 1)
    await api.be_fresh()
    first, second = uuid4(), uuid4()
    body = await an_archive(classpath, tmp_path, first)
    assert b"PK\7\x08" in body, "Java writes data descriptors"
    answer = await send(api, body)
    assert answer.status_code == 201, answer.text
    document_id = answer.json()["documents"][0]["document_id"]
    await api.decide(UUID(document_id))
    shown = await api.get(f"/fhir/DocumentReference/{document_id}", software_token("software-1", HOSPITAL))
    for part in ("Imagerie inventée", "Fait par IPF", "DR Camille INVENTÉE", "IPP-4711", "MASQUE_PS", "18748-4"):
        assert part in shown.text, part
    replaced = await send(api, await an_archive(classpath, tmp_path, second, first))
    assert replaced.status_code == 201, replaced.text
    assert [event.replaced is not None for event in await api.announced(DocumentReceived)] == [False, True]
