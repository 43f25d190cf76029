"""`dmp export` on running services: both files, signed by the services that made them, and checked by the command."""

import stat
import zipfile
from pathlib import Path

import pytest

from deploy.local.demo.client import Dmp
from deploy.local.platform.stack import Stack
from tests.e2e.acting import set_scene
from tests.e2e.command_line import run_command

pytestmark = pytest.mark.long


async def test_a_patient_takes_a_copy_and_a_changed_byte_is_refused(stack: Stack, dmp: Dmp, tmp_path: Path) -> None:
    scene = await set_scene(stack, dmp)
    await scene.done(await scene.deposit())
    out = tmp_path / "copy"
    taken = await run_command(stack, "export", "--record", scene.record_id, "--out", str(out))
    assert taken.exit_code == 0, taken.stderr
    copy, accesses = out / "record.zip", out / "accesses.jsonl"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (copy, accesses)} == {0o600}
    with zipfile.ZipFile(copy) as archive:
        assert len([name for name in archive.namelist() if name.startswith("documents/")]) == 1
    verified = await run_command(stack, "verify-export", str(copy), str(accesses), "--json")
    assert [each["problems"] for each in verified.json] == [[], []]
    assert (await run_command(stack, "export", "--record", scene.record_id, "--out", str(out))).exit_code == 2
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    assert (await run_command(stack, "verify-export", str(copy))).exit_code == 1


async def test_who_may_not_have_a_copy_is_told_so(stack: Stack, dmp: Dmp, tmp_path: Path) -> None:
    scene = await set_scene(stack, dmp)
    command = ("export", "--record", scene.record_id, "--out", str(tmp_path), "--as", "doctor")
    refused = await run_command(stack, *command)
    assert (refused.exit_code, "kind-not-permitted" in refused.stderr) == (1, True)
