"""Runs the scripts of `tests/chaos` as processes of their own, as a person would."""

import os
import signal
import subprocess
import sys
from typing import Final

from deploy.local.platform.paths import REPOSITORY

LONGEST_S: Final = 540
_LAUNCHER: Final = REPOSITORY / "deploy" / "local" / "platform" / "launch.py"


def assert_trial_succeeds(name: str, *arguments: str) -> None:
    """Runs a script, which ends with the tests whatever the reason; fails with its output unless every check holds."""
    ties = (str(os.getpid()), str(int(signal.SIGTERM)), "-1", "-1")
    script = (sys.executable, str(REPOSITORY / "tests" / "chaos" / name), *arguments)
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(_LAUNCHER), *ties, *script],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )
    print(ended.stdout)
    assert ended.returncode == 0, ended.stdout[-6000:]
