"""The README and the pages in docs name files and tests that exist, and the README stays short."""

import re
from pathlib import Path

import pytest

from shared.contracts.carried_events import EVENTS
from shared.contracts.declarations import SERVICES
from shared.contracts.topics import GROUPS, TOPICS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = ROOT / "docs" / "decisions"
LINK = re.compile(r"\]\(([^)#:]+)\)")
DECLARED = re.compile(rf"(?:`|--group )((?:{'|'.join(SERVICES)})\.[a-z]+-[a-z-]+(?:\.v\d)?)(?=[`\s])")
"""What looks like the name of a group, a topic or an event: the second word has a hyphen, which no module has."""
PATH = re.compile(r"`((?:services|shared|deploy|tests|docs)/[A-Za-z0-9_./-]+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_links_or_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    links = [(page.parent / target).resolve() for target in LINK.findall(text)]
    places = [ROOT / name for name in PATH.findall(text)]
    assert [str(place) for place in (*links, *places) if not place.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_group_or_topic_that_a_page_names_is_declared(page: Path) -> None:
    declared = {group.name for group in GROUPS} | {topic.name for topic in TOPICS} | EVENTS.keys()
    assert set(DECLARED.findall(page.read_text("utf-8"))) - declared == set()


def test_every_decision_is_in_the_index_and_says_context_choice_and_when_to_look_again() -> None:
    pages = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    index = (DECISIONS / "README.md").read_text("utf-8")
    for page in pages:
        assert f"]({page.name})" in index
        headings = re.findall(r"^## (.*)$", page.read_text("utf-8"), re.MULTILINE)
        assert headings == ["Context", "Choice", "When to look again"], page.name


def test_a_newcomer_reads_the_readme_once() -> None:
    assert (ROOT / "README.md").read_text("utf-8").count("\n") <= 150
