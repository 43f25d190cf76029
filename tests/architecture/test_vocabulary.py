"""One word a thing: retired words are not used as names, and the name of a type says what it is."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVICES = ("identity", "records", "consent", "audit", "notify")
OURS = (*(f"services/{service}" for service in SERVICES), "shared", "deploy")
WHOLE_NAMES = frozenset({"one", "found", "known", "told", "given", "said", "asked", "here", "there", "whose", "wanted"})
"""These are not used as names of variables, parameters, fields or functions."""
WORDS = frozenset(
    {
        *("bury", "buried", "brake", "hurry", "betrayal", "house", "machinery", "circumstances", "unprinted", "endure"),
        *("insisted", "fate", "parcel", "worded", "judging", "heeds", "spare", "beat", "beats", "waking", "deeds"),
    }
)
"""These are not used within names either."""


Trees = dict[str, list[tuple[Path, ast.Module]]]


@pytest.fixture(scope="module")
def trees() -> Trees:
    """The files of each folder, parsed once."""
    return {folder: list(sources(folder)) for folder in OURS}


def sources(folder: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path.relative_to(ROOT), ast.parse(path.read_text("utf-8"))


def names_in(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yields every name that the module defines, and its line."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.arg(arg=name):
                yield name, node.lineno


def words_of(name: str) -> list[str]:
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)]


@pytest.mark.parametrize("folder", OURS)
def test_no_name_is_a_retired_word(folder: str, trees: Trees) -> None:
    retired = [
        f"{path}:{line}: {name}"
        for path, tree in trees[folder]
        for name, line in names_in(tree)
        if name.strip("_").lower() in WHOLE_NAMES or not WORDS.isdisjoint(words_of(name))
    ]
    assert retired == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_two_public_types_of_a_service_share_a_name(service: str, trees: Trees) -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path, tree in trees[f"services/{service}"]:
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
