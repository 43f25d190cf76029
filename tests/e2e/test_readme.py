"""The commands of the README and of the pages in docs work exactly as written."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.platform.waiting import DEADLINE_S, eventually

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
COMMANDS = [
    line.split("#")[0].strip()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.split("#")[0].strip()
]
TIED = [sys.executable, "-I", "-S", str(ROOT / "deploy" / "local" / "platform" / "launch.py")]
"""Starts a process that ends when the tests end, whatever the reason."""
MAKE = re.compile(r"^make (demo|up|down)$")


def as_run(command: str) -> list[str]:
    """Returns `make X` or `.venv/bin/dmp X` as `python -m deploy.local X`."""
    words = command.removeprefix("make ").removeprefix(".venv/bin/dmp ").split()
    return [*TIED, str(os.getpid()), str(int(signal.SIGTERM)), "-1", "-1", sys.executable, "-m", "deploy.local", *words]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DMP_VAR": str(folder)}
    return subprocess.run(
        as_run(command), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=4 * DEADLINE_S, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("readme") / "a folder with blanks" / "var"


def test_every_command_of_the_readme_is_one_that_is_run_here() -> None:
    assert "make demo" in COMMANDS
    assert "make test" in COMMANDS
    for command in COMMANDS:
        assert command.startswith((".venv/bin/dmp ", ".venv/bin/python ", "make ")), command


def test_the_demo_tells_its_story_and_leaves_no_process(folder: Path) -> None:
    done = run("make demo", folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "consent-opposed" in done.stdout
    assert not (folder / "endpoints.json").exists()


async def test_the_commands_to_look_around_work_on_what_make_up_has_started(folder: Path) -> None:
    environment = {**os.environ, "DMP_VAR": str(folder)}
    up = await asyncio.create_subprocess_exec(
        *as_run("make up"), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:

        async def is_up() -> bool:
            assert up.returncode is None, "make up has ended"
            return (folder / "endpoints.json").exists()

        await eventually(is_up)
        assert run("make up", folder).returncode == 1
        for command in COMMANDS:
            if command.startswith(".venv/bin/dmp "):
                done = run(command, folder)
                assert done.returncode == 0, f"{command}: {done.stdout[-1000:]} {done.stderr[-1000:]}"
                assert "Traceback" not in done.stdout + done.stderr
        status = run("make status --json", folder)
        assert json.loads(status.stdout)
        assert run("make down", folder).returncode == 0
        assert await asyncio.wait_for(up.wait(), DEADLINE_S) == 0
    finally:
        if up.returncode is None:
            up.terminate()
            await asyncio.wait_for(up.wait(), DEADLINE_S)
