"""Finds Envoy, which is installed once into an environment of its own, outside of the clone.

`python -m deploy.edge.program` installs it and prints its path.

The cache is `$DMP_CLUSTER_CACHE`, else `~/.cache/dmp-cluster`; its folder is named by the hash of the lock.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from shared.errors import CodedError

LOCK: Final = Path(__file__).with_name("requirements.lock")
INSTALL_S: Final = 600


class EnvoyMissingError(CodedError):
    """Envoy is not installed, and its package cannot be had now."""

    code = "envoy-missing"


def installed_envoy() -> Path | None:
    """Returns Envoy's program if `install_envoy` has installed it."""
    folder = _folder()
    return _program(folder) if (folder / ".complete").exists() else None


def install_envoy() -> Path:
    """Installs Envoy, unless it is there, and returns its program. Raises EnvoyMissingError."""
    folder = _folder()
    if installed_envoy() is None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _run(sys.executable, "-m", "venv", str(folder))
        pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes")
        _run(*pip, "-r", str(LOCK))
        (folder / ".complete").touch()
    return _program(folder)


def _folder() -> Path:
    named = os.environ.get("DMP_CLUSTER_CACHE")
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    return (Path(named) if named else Path.home() / ".cache" / "dmp-cluster") / f"edge-lock-{digest}"


def _program(folder: Path) -> Path:
    """Returns the program itself, not the script that starts it: signals must reach it."""
    return next((folder / "lib").glob("python3.*/site-packages/envoy/_bin/envoy"))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALL_S)
    if done.returncode != 0:
        raise EnvoyMissingError(done.stderr.strip()[-1000:])


if __name__ == "__main__":
    try:
        print(install_envoy())
    except EnvoyMissingError as error:
        raise SystemExit(f"Envoy cannot be installed: {error}") from None
