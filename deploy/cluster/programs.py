"""Builds the pinned programs of this folder once, outside of the clone, and finds them again.

The cache is `$DMP_CLUSTER_CACHE`, else `~/.cache/dmp-cluster`. A folder in it is named by the hash of what it was made
of (`go.sum`, `requirements.lock`), so that another pin is built beside it and an interrupted build is begun again.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from shared.errors import CodedError

CLUSTER_FOLDER: Final = Path(__file__).parent
STATIC_PROGRAMS: Final = (
    "sigs.k8s.io/kustomize/kustomize/v5",
    "github.com/yannh/kubeconform/cmd/kubeconform",
)
_MARK: Final = ".complete"
BUILD_S: Final = 900
"""The longest time of one build, in seconds."""


class ProgramsError(CodedError):
    """A program could not be built: Go, a network or an entry of the lock is missing."""

    code = "programs-not-built"


def cache_folder() -> Path:
    """Returns the folder of everything that is built or downloaded."""
    named = os.environ.get("DMP_CLUSTER_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "dmp-cluster"


def go_programs(module: Path, packages: Sequence[str], name: str | None = None) -> Path:
    """Returns the folder with the programs of a Go module of this folder, built as its go.sum pins them.

    `name`: of the folder, for programs that are built apart from others of their module. Raises ProgramsError.
    """

    def build(folder: Path) -> None:
        environment = {"GOBIN": str(folder), "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
        run([go(), "install", "-trimpath", *packages], cwd=module, environment=environment)

    return made_once(module / "go.sum", build, name)


def python_programs(lock: Path) -> Path:
    """Returns the folder with the programs of a lock of Python packages. Raises ProgramsError."""

    def build(folder: Path) -> None:
        run([sys.executable, "-m", "venv", str(folder)])
        run([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)])

    return made_once(lock, build) / "bin"


def go() -> str:
    """Returns the path of Go. Raises ProgramsError."""
    path = shutil.which("go")
    if path is None:
        raise ProgramsError("Go is absent: it builds the programs that check the manifests")
    return path


def run(command: Sequence[str], *, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """Runs a command of a build and returns its output. Raises ProgramsError with the end of its errors."""
    variables = {**os.environ, **(environment or {})}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=variables, capture_output=True, text=True, check=False, timeout=BUILD_S
        )
    except subprocess.TimeoutExpired:
        raise ProgramsError(f"{command[0]} has not ended within {BUILD_S} s") from None
    if done.returncode != 0:
        raise ProgramsError(f"{' '.join(command[:3])}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def made_once(pins: Path, build: Callable[[Path], None], name: str | None = None) -> Path:
    """Returns the folder that `build` has filled for these pins. `name`: the folder of the pins unless said.

    It is built under its own name, because an environment of Python cannot be moved, and counts once it is marked.
    """
    folder = _folder_of(pins, name)
    with _locked(folder):
        if not (folder / _MARK).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            (folder / _MARK).touch()
    return folder


def find_made(pins: Path) -> Path | None:
    """Returns the folder of these pins if it has been filled."""
    folder = _folder_of(pins)
    return folder if (folder / _MARK).exists() else None


def _folder_of(pins: Path, name: str | None = None) -> Path:
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()[:16]
    return cache_folder() / f"{name or pins.parent.name}-{pins.suffix[1:]}-{digest}"


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time fill a folder; the others wait for it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
