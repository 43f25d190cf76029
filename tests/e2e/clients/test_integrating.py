"""The steps of the guide for integrators work exactly as written, with curl and in Python."""

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from deploy.local.platform.stack import Stack
from tests.infra.platform.paths import ROOT

pytestmark = pytest.mark.long

GUIDE = (ROOT / "docs" / "integrating.md").read_text("utf-8")


def blocks(language: str) -> str:
    """Returns all code of the guide in this language."""
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL))


async def run(folder: Path, stack: Stack, *command: str) -> list[str]:
    environment = {**os.environ, "DMP_VAR": str(stack.layout.folder), "PYTHONWARNINGS": "default"}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, out.decode()[-2000:] + errors.decode()[-3000:]
    return out.decode().splitlines()


def test_every_step_stands_there_with_curl_and_in_python() -> None:
    steps = [step for step in GUIDE.split("\n## ") if re.match(r"\d+\. ", step)]
    assert [step.split(".")[0] for step in steps] == [str(number) for number in range(1, 12)]
    for step in steps:
        assert step.count("```bash") == step.count("```python") >= 1, step[:40]


async def test_the_steps_of_the_guide_work_as_written(stack: Stack, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    for name, target in ((".venv", ROOT / ".venv"), ("docs", ROOT / "docs"), ("var", stack.layout.folder)):
        (tmp_path / name).symlink_to(target)
    (tmp_path / "steps.sh").write_text("set -euo pipefail\n" + blocks("bash"))
    lines = await run(tmp_path, stack, "bash", "steps.sh")
    text = "\n".join(lines)
    for words in (
        "the letter is published",
        "the first letter is superseded",
        "the doctor finds 1",
        "withdrawn: 200",
        "the software is disabled",
    ):
        assert words in text
    (tmp_path / "steps.py").write_text(blocks("python"))
    lines = await run(tmp_path, stack, ".venv/bin/python", "steps.py")
    for line in (
        "records: 1",
        "the letter is published None",
        "the first letter is superseded",
        "the doctor finds 1",
        "withdrawn: 200",
        "the software is disabled",
    ):
        assert line in lines, lines
    assert [line for line in lines if line.startswith("fhirpy counts ")]
