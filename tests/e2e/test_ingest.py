"""`dmp ingest` sends a folder of a hospital's files to the running installation, and goes on after it was killed."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.demo.client import Dmp
from deploy.local.demo.credentials import session_of
from deploy.local.demo.people import opening
from deploy.local.platform import endpoints
from deploy.local.platform.stack import Stack
from shared.terminology import oids
from tests.infra.load.documents import Person
from tests.infra.platform.waiting import eventually
from tests.infra.records.cdas import a_cda
from tests.infra.records.xdms import XdmDocument, a_pdf, an_archive

pytestmark = pytest.mark.long

PERSON = Person(811)
FILES = 120


async def open_record(stack: Stack, dmp: Dmp) -> None:
    administrator = session_of(dmp, endpoints.read(stack.layout)["credentials"], "administrator")
    traits = {
        "birth_name": PERSON.birth_name,
        "given_name": PERSON.given_name,
        "birth_date": PERSON.birth_date.isoformat(),
        "sex": str(PERSON.sex),
        "birth_place": "99100",
    }
    body = opening(
        ins=PERSON.ins,
        oid=oids.INS_NIR_TEST,
        traits=traits,
        mail="somebody@patient.example",
        language="fr",
        relation="holder",
    )
    record = (await administrator.call("POST", "identity", "/records", json=body)).json()["record_id"]

    async def in_force() -> bool:
        state = await administrator.call("GET", "identity", f"/records/{record}", headers={"prefer": "wait=5"})
        return bool(state.json()["status"] == "in-force")

    await eventually(in_force)


def fill(folder: Path) -> None:
    """Writes CDAs and archives of CDAs and PDFs."""
    for number in range(FILES):
        unique_id = uuid4()
        cda = a_cda(PERSON, unique_id)
        archive = an_archive(XdmDocument(cda, PERSON, str(unique_id)), a_pdf(PERSON, uuid4()))
        (folder / f"{number}.dat").write_bytes(cda if number % 2 else archive)


async def ingest(stack: Stack, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.local", "ingest", *arguments, "--json"),
        env={**os.environ, "DMP_VAR": str(stack.layout.folder), "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int | None, dict[tuple[str, str], int]]:
    """Returns the exit code, and the number of files of each outcome and cause."""
    out, err = await process.communicate()
    assert not err or b"Traceback" not in err, err
    outcomes: list[dict[str, Any]] = json.loads(out)["outcomes"]
    return process.returncode, {(each["outcome"], each["cause"]): each["count"] for each in outcomes}


async def test_a_folder_is_sent_and_a_killed_run_goes_on(stack: Stack, dmp: Dmp, tmp_path: Path) -> None:
    await open_record(stack, dmp)
    fill(tmp_path)
    accepted = stack.layout.folder / "ingest" / "hospital.sha256"

    async def some_are_accepted() -> bool:
        return accepted.exists() and len(accepted.read_text().split()) >= 5

    killed = await ingest(stack, str(tmp_path), "--parallel", "1")
    await eventually(some_are_accepted)
    killed.send_signal(signal.SIGKILL)
    await killed.communicate()
    interrupted = await ingest(stack, str(tmp_path), "--parallel", "1")
    more = len(accepted.read_text().split()) + 5

    async def some_more_are_accepted() -> bool:
        return len(accepted.read_text().split()) >= more

    await eventually(some_more_are_accepted)
    interrupted.send_signal(signal.SIGINT)
    _, said = await interrupted.communicate()
    assert (interrupted.returncode, b"the same command goes on" in said) == (130, True)
    before = len(accepted.read_text().split())
    assert before < FILES
    code, outcomes = await ended(await ingest(stack, str(tmp_path)))
    assert (code, sum(outcomes.values())) == (0, FILES)
    assert outcomes["already accepted", ""] == before
    code, outcomes = await ended(await ingest(stack, str(tmp_path), "--wait", "1"))
    assert (code, outcomes) == (0, {("already accepted", ""): FILES})
    (tmp_path / "other.dat").write_bytes(a_cda(Person(812), uuid4()))
    (tmp_path / "message.dat").write_bytes(b"MSH|^~\\&|A\r")
    code, outcomes = await ended(await ingest(stack, str(tmp_path / "other.dat"), str(tmp_path / "message.dat")))
    assert code == 1
    assert outcomes == {("refused", "record-unknown"): 1, ("not sent", "mllp-listener-missing"): 1}
    message = str(tmp_path / "message.dat")
    code, _ = await ended(await ingest(stack, message))
    assert code == 4
    listener = endpoints.read(stack.layout)["mllp"]
    code, outcomes = await ended(await ingest(stack, message, "--mllp", f"{listener['host']}:{listener['port']}"))
    assert code == 1
    [(outcome, cause)] = outcomes
    assert (outcome, cause[:2]) == ("refused", "AR")
