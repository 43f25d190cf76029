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
CATCH_ALL = {
    *(
        "shared/messaging/consumer.py",
        "shared/messaging/subscriber.py",
        "shared/messaging/redrive.py",
    ),  # records of a consumer
    *("shared/runtime/retry.py", "shared/http/error_boundary.py", "deploy/local/supervisor.py"),
}


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_who_may_import_whom() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_only_the_places_named_catch_everything() -> None:
    found = set()
    for path in sources(*OURS):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception")
            ):
                found.add(name_of(path))
    assert found <= CATCH_ALL


@pytest.mark.parametrize("folder", OURS)
def test_files_and_functions_stay_short(folder: str) -> None:
    for path in sources(folder):
        text = path.read_text("utf-8")
        assert text.count("\n") <= 330, name_of(path)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                length = (node.end_lineno or 0) - first.lineno + 1
                assert length <= 40, f"{name_of(path)}:{node.name} has {length} lines"


def test_sql_stands_in_stores_and_plumbing_only() -> None:
    verbs = ("select ", "insert into ", "update ", "delete from ", "with ")
    for path in sources("services"):
        if path.name == "store.py" or path.parent.name == "store":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                text = node.value.strip().lower()
                assert not (text.startswith(verbs) and " from " in text), f"{name_of(path)}: {text[:60]}"


def test_time_and_ids_come_from_the_clock() -> None:
    forbidden = {"uuid4", "uuid1", "utcnow"}
    for path in sources("services", "shared"):
        if path.name == "clock.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            assert name not in forbidden, name_of(path)
            if isinstance(node, ast.Attribute) and node.attr == "now":
                assert not (isinstance(node.value, ast.Name) and node.value.id == "datetime"), name_of(path)


def test_no_test_sleeps() -> None:
    allowed = {
        "tests/infra/waiting.py",
        "tests/infra/depositing.py",
        "tests/infra/flow.py",
        "tests/infra/mixed_load.py",
        "tests/infra/notify.py",
    }  # the deadline loop; the back-off of a pipeline; the clock of an open loop
    for path in sources("tests"):
        if name_of(path) in allowed or "chaos" in path.parts or "benchmarks" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            assert name != "sleep", f"{name_of(path)}:{node.lineno}"


def test_log_lines_have_fields_of_the_list_only() -> None:
    strange = [
        f"{name_of(path)}:{node.lineno}: {keyword.arg}"
        for path in sources("services", "shared")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("log", "log_limited")
        for keyword in node.keywords
        if keyword.arg is not None and keyword.arg not in FIELDS
    ]
    assert strange == []
