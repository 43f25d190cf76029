"""Other people's FHIR clients deposit, follow, read and search, as their own documentation says."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.binary import Binary
from fhirclient.models.bundle import Bundle
from fhirclient.models.documentreference import DocumentReference
from fhirclient.models.list import List
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import ForbiddenError, OperationOutcome
from joserfc.jwk import ECKey

from deploy.local.demo.client import assertion
from deploy.local.platform.errors import FetchError
from deploy.local.platform.jars import ensure_jars
from tests.e2e.clients.conftest import PDF, Hospital
from tests.infra.platform.waiting import eventually

HAPI = Path(__file__).parent / "hapi"
JAVA = shutil.which("java")


def fhirpy_client(hospital: Hospital, token: str, base: str) -> Any:
    return SyncFHIRClient(f"{hospital.fhir}{base}", authorization=f"Bearer {token}")


@pytest.mark.parametrize("base", ["", "/"])
async def test_fhirpy_deposits_follows_reads_and_searches(hospital: Hospital, base: str) -> None:
    software = fhirpy_client(hospital, hospital.token, base)
    answer = await asyncio.to_thread(software.resource("Bundle", **hospital.bundle()).save)
    followed, document, _ = [entry["response"]["location"] for entry in answer["entry"]]

    async def is_published() -> bool:
        listed = await asyncio.to_thread(software.reference(reference=followed).to_resource)
        return bool(listed.get_by_path(["entry", 0, "flag", "coding", 0, "code"]) == "published")

    await eventually(is_published)
    reference = await asyncio.to_thread(software.reference(reference=document).to_resource)
    binary = await asyncio.to_thread(software.get, reference.get_by_path(["content", 0, "attachment", "url"]))
    assert (reference["status"], binary["contentType"]) == ("current", "application/pdf")
    await asyncio.to_thread(reference.refresh)
    doctor = fhirpy_client(hospital, hospital.doctor_token, base)
    documents = doctor.resources("DocumentReference").search(patient=hospital.record_id, status="current")
    assert await asyncio.to_thread(documents.count) == 1
    assert [resource.id for resource in await asyncio.to_thread(documents.fetch_all)] == [reference.id]
    assert (await asyncio.to_thread(documents.first))["subject"] == reference["subject"]


async def test_fhirpy_tells_why_it_is_refused(hospital: Hospital) -> None:
    software = fhirpy_client(hospital, hospital.token, "")
    documents = software.resources("DocumentReference").search(patient=hospital.record_id, status="current")
    with pytest.raises(ForbiddenError, match="needs the token of a person"):
        await asyncio.to_thread(documents.fetch)
    wrong = hospital.bundle()
    wrong["entry"][1]["resource"]["date"] = "2026-03-12"
    with pytest.raises(OperationOutcome, match="send the time too"):
        await asyncio.to_thread(software.resource("Bundle", **wrong).save)


async def test_fhirclient_finds_the_token_endpoint_and_deposits_follows_and_reads(hospital: Hospital) -> None:
    key = ECKey.import_key(json.loads(hospital.key.read_text("utf-8")))
    smart = FHIRClient(
        settings={
            "app_id": hospital.client_id,
            "api_base": hospital.fhir,
            "scope": "documents.deposit",
            "jwt_token": assertion(hospital.client_id, key, f"{hospital.identity}/oauth/token"),
        }
    )
    smart.wants_patient = False
    try:
        await asyncio.to_thread(smart.prepare)
        await asyncio.to_thread(smart.authorize)
        assert smart.ready
        answer = Bundle(await asyncio.to_thread(Bundle(hospital.bundle()).create, smart.server))
        followed, document, _ = [entry.response.location for entry in answer.entry]

        async def is_published() -> bool:
            listed = await asyncio.to_thread(List.read_from, followed, smart.server)
            return bool(listed.entry[0].flag.coding[0].code == "published")

        await eventually(is_published)
        reference = await asyncio.to_thread(
            DocumentReference.read, document.removeprefix("DocumentReference/"), smart.server
        )
        assert reference.status == "current"
        binary = await asyncio.to_thread(Binary.read_from, reference.content[0].attachment.url, smart.server)
        assert binary.contentType == "application/pdf"
    finally:
        smart.server.session.close()


async def hapi(*arguments: str) -> list[str]:
    """Runs HAPI's client. Returns the lines that it prints."""
    if JAVA is None:
        pytest.skip("Java is not installed")
    try:
        jars = await asyncio.to_thread(ensure_jars, HAPI, "hapi")
    except FetchError as error:
        pytest.skip(f"the jars of HAPI cannot be fetched: {error}")
    process = await asyncio.create_subprocess_exec(
        *(JAVA, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", str(HAPI / "Client.java"), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    if b"jdk.compiler" in errors:
        pytest.skip("this Java has no compiler")
    assert process.returncode == 0, errors.decode()[-3000:]
    return out.decode().splitlines()


@pytest.mark.long
async def test_hapi_deposits_follows_reads_and_searches(hospital: Hospital, tmp_path: Path) -> None:
    submission = tmp_path / "bundle.json"
    submission.write_text(json.dumps(hospital.bundle()))
    followed, *_ = await hapi("deposit", f"{hospital.fhir}/", hospital.token, str(submission))

    async def is_published() -> list[str] | None:
        lines = await hapi("follow", hospital.fhir, hospital.token, followed)
        return lines if lines[1] == "published" else None

    assert await eventually(is_published) == ["4.0.1", "published", "current", f"application/pdf {len(PDF)}"]
    refused, searched = await hapi("search", hospital.fhir, hospital.doctor_token, hospital.record_id)
    assert refused.startswith("400 Search with status")
    assert searched == "1 on 1"
