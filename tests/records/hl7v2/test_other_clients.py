"""Software that others wrote sends messages to the listener: `mllp_send` of the package hl7, and HAPI in Java."""

import asyncio
import shutil
import sysconfig
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from deploy.local.platform.errors import FetchError
from deploy.local.platform.jars import ensure_jars
from tests.infra.load.documents import Person
from tests.infra.platform.paths import ROOT
from tests.infra.records.cdas import a_cda
from tests.infra.records.hl7v2_messages import MessageParts
from tests.infra.records.mllp import MllpTarget

SOMEBODY = Person(71)
HAPI = ROOT / "tests" / "e2e" / "clients" / "hapi_hl7v2"
JAVA = shutil.which("java")


@pytest.fixture
def message(tmp_path: Path) -> Path:
    file = tmp_path / "message.er7"
    file.write_bytes(MessageParts(SOMEBODY, (a_cda(SOMEBODY, uuid4()),), metadata={"MASQUE_PS": "Y"}).encoded())
    return file


async def output_of(*command: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, errors = await process.communicate()
    return process.returncode, out.decode(), errors.decode()


async def test_mllp_send_of_the_package_hl7_is_acknowledged(record: UUID, mllp: MllpTarget, message: Path) -> None:
    program = Path(sysconfig.get_path("scripts")) / "mllp_send"
    code, out, errors = await output_of(
        str(program), "--loose", "--file", str(message), "--port", str(mllp.port), "127.0.0.1"
    )
    assert code == 0, errors
    assert "MSA|AA|M-1" in out
    assert await mllp.api.pool.fetchval("select count(*) from documents") == 1


@pytest.mark.long
async def test_hapi_is_acknowledged(record: UUID, mllp: MllpTarget, message: Path) -> None:
    if JAVA is None:
        pytest.skip("Java is not installed")
    try:
        jars = await asyncio.to_thread(ensure_jars, HAPI, "hapi-hl7v2")
    except FetchError as error:
        pytest.skip(f"the jars of HAPI cannot be fetched: {error}")
    code, out, errors = await output_of(
        *(JAVA, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", str(HAPI / "Sender.java")),
        *("127.0.0.1", str(mllp.port), str(message)),
    )
    if "jdk.compiler" in errors:
        pytest.skip("this Java has no compiler")
    assert code == 0, errors[-3000:]
    assert out.split() == ["AA", "M-1"]
