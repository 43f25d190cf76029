"""What goes into an image: the files of this repository, and the wheels that its locks name."""

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = (3, 11)
"""The Python of the base: Debian bookworm's."""
_GLIBC = range(5, 37)
"""Minor versions of glibc 2 whose wheels run on the base."""
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


class ContextError(Exception):
    """The parts of an image could not be gathered; the message is one line for a person."""


def version() -> str:
    """Returns the project's version."""
    project: str = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return project


def revision() -> str:
    """Returns the commit that the files are of, with `-modified` where they differ from it; else `unknown`."""
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        changes = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("-modified" if changes.stdout else "")


def content_hash(sources: Iterable[str], *more: str) -> str:
    """Returns a hash of the files' names and contents, 16 hexadecimal digits."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in _files(sources):
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def lay(folder: Path, sources: Iterable[str], wheels: Path | None = None) -> None:
    """Copies the sources into a folder, at the paths that they have here, and the wheels into its folder `wheels`."""
    for source in sources:
        target = folder / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=_IGNORED)
        else:
            shutil.copy(ROOT / source, target)
    if wheels is not None:
        shutil.copytree(wheels, folder / "wheels", copy_function=os.link if _same_disk(wheels, folder) else shutil.copy)


def fetch_wheels(locks: Sequence[str], index: str | None = None, only: Sequence[str] = ()) -> Path:
    """Returns the folder with the wheels of the locks, fetched once and checked against their hashes.

    `index`: the package index; pip's own setting unless said. `only`: names of packages, else all. Raises ContextError.
    """
    name = hashlib.sha256(b"".join((ROOT / lock).read_bytes() for lock in locks) + repr((PYTHON, only)).encode())
    folder = cache() / f"wheels-{name.hexdigest()[:16]}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        for lock in locks:
            _download(ROOT / lock, draft, index, only)
        draft.rename(folder)
    except OSError:
        if not folder.exists():  # another build has fetched them meanwhile
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def cache() -> Path:
    """Returns the folder in which wheels and jars are kept between builds, outside the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dmp"


def _download(lock: Path, folder: Path, index: str | None, only: Sequence[str]) -> None:
    platforms = ["manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in _GLIBC)]
    foreign = [] if sys.version_info[:2] == PYTHON else ["--python-version", ".".join(map(str, PYTHON))]
    foreign += [word for platform in platforms for word in ("--platform", platform)] if foreign else []
    requirements = _chosen(lock, folder, only) if only else lock
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--dest", str(folder), *foreign, "-r", str(requirements)]
    command += ["--index-url", index] if index else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise ContextError(
            f"the wheels of {lock.name} could not be fetched: {lines[-1] if lines else 'no reason given'}"
        )


def _chosen(lock: Path, folder: Path, only: Sequence[str]) -> Path:
    """Writes the entries of a lock for these packages into a file of the folder's. Returns its path."""
    entries = lock.read_text("utf-8").replace("\\\n", "\\").splitlines()
    chosen = [entry.replace("\\", "\\\n") for entry in entries if entry.partition("==")[0] in only]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "requirements.txt"
    path.write_text("\n".join(chosen) + "\n", "utf-8")
    return path


def _files(sources: Iterable[str]) -> Iterator[Path]:
    for source in sorted(sources):
        path = ROOT / source
        inner = path.rglob("*") if path.is_dir() else [path]
        yield from sorted(file for file in inner if file.is_file() and "__pycache__" not in file.parts)


def _same_disk(first: Path, second: Path) -> bool:
    return first.stat().st_dev == second.stat().st_dev
