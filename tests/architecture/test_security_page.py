"""docs/security.md names tests that exist, and lists every requirement of its two levels."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs/security.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))

LAST = """
1.1.2 1.2.9 1.3.11 1.4.3 1.5.2 2.1.3 2.2.3 2.3.4 2.4.1 3.2.2 3.3.4 3.4.6 3.5.5 3.7.2 4.1.3 4.2.1 4.3.2 4.4.4
5.1.1 5.2.3 5.3.2 5.4.3 6.1.3 6.2.12 6.3.4 6.4.4 6.5.5 6.6.3 6.8.4 7.1.3 7.2.4 7.3.2 7.4.5 7.5.2 7.6.2 8.1.2
8.2.3 8.3.1 8.4.1 9.1.3 9.2.4 10.1.2 10.2.2 10.3.4 10.4.11 10.5.5 10.6.2 10.7.3 11.1.2 11.2.3 11.3.3 11.4.4
11.5.1 11.6.1 12.1.3 12.2.2 12.3.4 13.1.1 13.2.5 13.3.2 13.4.5 14.1.2 14.2.4 14.3.3 15.1.3 15.2.3 15.3.7
16.1.1 16.2.5 16.3.4 16.4.3 16.5.3 17.1.1 17.2.4 17.3.2
"""
"""The last requirement of levels 1 and 2 in each section of ASVS 5.0.0; those of level 3 follow it."""


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_every_test_that_the_page_names_exists(file: str) -> None:
    defined = {
        node.name
        for node in ast.parse((TESTS / file).read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name for named_file, name in NAMED if named_file == file} - defined == set()


def test_every_mention_of_a_test_is_checked() -> None:
    assert PAGE.count("::") == len(re.findall(r"`[\w/]+\.py::\w+`", PAGE))
    assert len(NAMED) > 100


def test_each_requirement_of_the_two_levels_has_one_row() -> None:
    rows = re.findall(r"^\| ([\d., ]+) \|", PAGE, re.MULTILINE)
    listed = [requirement for row in rows for requirement in row.split(", ")]
    sections = [last.rpartition(".") for last in LAST.split()]
    expected = {f"{section}.{number}" for section, _, last in sections for number in range(1, int(last) + 1)}
    assert len(expected) == 253
    assert len(listed) == len(set(listed))
    assert set(listed) == expected


def test_a_row_without_a_test_says_why() -> None:
    for row in re.findall(r"^\| [\d., ]+ \|.*$", PAGE, re.MULTILINE):
        held_by = row.split(" | ")[2]
        assert "::" in held_by or re.match(r"(no\b|not applicable)", held_by), row
