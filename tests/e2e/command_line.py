"""Runs commands of `dmp` on the installation of the end-to-end tests."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

from deploy.local.platform.stack import Stack


@dataclass(frozen=True)
class CommandResult:
    """Exit code and output of a command."""

    exit_code: int | None
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The output of a command that succeeded, with --json."""
        assert self.exit_code == 0, self.stderr
        return json.loads(self.stdout)


async def start_command(stack: Stack, *arguments: str) -> asyncio.subprocess.Process:
    """Starts a command in a separate process."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy.local", *arguments),
        env={**os.environ, "DMP_VAR": str(stack.layout.folder), "COLUMNS": "200"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def run_command(stack: Stack, *arguments: str) -> CommandResult:
    """Runs a command in a separate process until it ends."""
    child = await start_command(stack, *arguments)
    out, err = await child.communicate()
    return CommandResult(child.returncode, out.decode(), err.decode())
