"""The README and the pages in docs name files and tests that exist, and the README stays short."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^)#:]+)\)")
PATH = re.compile(r"`((?:services|shared|deploy|tests|docs)/[A-Za-z0-9_./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_links_or_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [(page.parent / target).resolve() for target in LINK.findall(text)]
    places = [ROOT / name for name in PATH.findall(text)]
    assert [str(place) for place in (*links, *places) if not place.exists()] == []


def test_a_newcomer_reads_the_readme_once() -> None:
    assert (ROOT / "README.md").read_text("utf-8").count("\n") <= 150
