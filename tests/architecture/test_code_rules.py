"""The code rules that a machine can check."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.runtime.logs import FIELDS

ROOT = Path(__file__).parents[2]
OURS = ("services", "shared", "deploy")


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    """All files of the program, parsed once."""
    return {path: ast.parse(path.read_text("utf-8")) for path in sources(*OURS)}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def ruff(*options: str) -> str:
    """What ruff finds with these options, one line a finding."""
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--no-cache", "--quiet", "--output-format=concise"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_who_may_import_whom() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_ruff_finds_nothing() -> None:
    """Its rules say who reads the clock, makes ids, sleeps and catches everything: pyproject.toml, tests/ruff.toml."""
    assert ruff() == ""


def test_time_ids_sleep_and_errors_keep_to_their_places() -> None:
    assert ruff("--ignore-noqa", "--select", "BLE001,E722,TID251") == ""


@pytest.mark.parametrize("folder", OURS)
def test_files_and_functions_stay_short(folder: str, trees: dict[Path, ast.Module]) -> None:
    for path in sources(folder):
        assert path.read_text("utf-8").count("\n") <= 300, name_of(path)
        for node in ast.walk(trees[path]):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                length = (node.end_lineno or 0) - first.lineno + 1
                assert length <= 40, f"{name_of(path)}:{node.name} has {length} lines"


def test_sql_stands_in_stores_and_plumbing_only(trees: dict[Path, ast.Module]) -> None:
    verbs = ("select ", "insert into ", "update ", "delete from ", "with ")
    for path in sources("services"):
        if path.name == "store.py" or path.parent.name == "store":
            continue
        for node in ast.walk(trees[path]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.strip().lower()
                assert not (text.startswith(verbs) and " from " in text), f"{name_of(path)}: {text[:60]}"


def test_log_lines_have_fields_of_the_list_only(trees: dict[Path, ast.Module]) -> None:
    strange = [
        f"{name_of(path)}:{node.lineno}: {keyword.arg}"
        for path in sources("services", "shared")
        for node in ast.walk(trees[path])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("log", "log_limited")
        for keyword in node.keywords
        if keyword.arg is not None and keyword.arg not in FIELDS
    ]
    assert strange == []


def test_only_the_extraction_of_facts_makes_its_permit() -> None:
    """It reads contents without a decision of the rules: no API imports it, which an import contract holds."""
    makers = [name_of(path) for path in sources(*OURS) if "ExtractionPermit()" in path.read_text("utf-8")]
    assert makers == ["services/records/clinical_facts/steps/extraction.py"]


def test_each_test_asserts_something() -> None:
    """Or a test that checks nothing passes unnoticed: not to raise is what every line of code does."""
    silent = [
        f"{name_of(path)}:{node.lineno}: {node.name}"
        for path in sources("tests")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not any(_asserts(part) for part in ast.walk(node))
    ]
    assert silent == [], "a test needs assert, pytest.raises, pytest.warns, or a helper whose name begins with assert_"


def _asserts(node: ast.AST) -> bool:
    match node:
        case ast.Assert() | ast.Call(func=ast.Attribute(value=ast.Name("pytest"), attr="raises" | "warns")):
            return True
        case ast.Call(func=ast.Name(name) | ast.Attribute(attr=name)):
            return name.startswith("assert_")
    return False
