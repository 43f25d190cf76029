"""Runs `python -m services.<name> ...` with the settings of the running installation: `dmp` has no second road."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from deploy.local.cli.commands.common import fail, read_installation
from deploy.local.platform.paths import REPOSITORY, Layout
from deploy.local.platform.services import of_installation

EXIT_DONE, EXIT_LEFT = 0, 1


def run_service(var: Path, service: str, *words: str) -> tuple[Any, int]:
    """Returns the result of a service's command and its exit code, 0 or 1. Progress and complaints go to the terminal.

    Exits with 3 if nothing runs, and with the command's own code if it could not do its work.
    """
    services = of_installation(Layout(var), read_installation(var))
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}", *words],
        cwd=REPOSITORY,
        env={**os.environ, **services.variables(service)},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode not in (EXIT_DONE, EXIT_LEFT) or not done.stdout:
        fail(done.returncode or EXIT_LEFT, f"`python -m services.{service} {' '.join(words)}` did not succeed")
    return json.loads(done.stdout), done.returncode


def show_service(service: str, *words: str) -> int:
    """Runs a command of a service that needs no setting, and shows what it prints. Returns its exit code."""
    return subprocess.run([sys.executable, "-m", f"services.{service}", *words], cwd=REPOSITORY, check=False).returncode
