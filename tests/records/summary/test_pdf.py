"""A sheet on paper: tagged for people who cannot see it, whole, and equal for equal sheets."""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pypdf
import pytest
from pypdf.generic import IndirectObject

from services.records.clinical_facts.domain.values import Concept
from services.records.summary.adapters.pdf import write_pdf
from services.records.summary.domain.sheet import Chapter, Language, SummarySheet
from services.records.summary.domain.sheet_in_words import sheet_in_words
from tests.infra.records.summary_sheets import PENICILLIN, a_full_sheet, a_sheet, a_usual_sheet, line


def opened(content: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(content))


def tags(node: Any) -> Iterator[str]:
    """Yields the types of the structure elements, in reading order."""
    node = node.get_object() if isinstance(node, IndirectObject) else node
    for child in node if isinstance(node, list) else [node]:
        element = child.get_object() if isinstance(child, IndirectObject) else child
        if isinstance(element, dict):
            if "/S" in element:
                yield str(element["/S"])
            if "/K" in element:
                yield from tags(element["/K"])


def large_sheet() -> SummarySheet:
    """A sheet with six times the lines of a full one."""
    lines = [
        replace(line, id=UUID(int=copy * 1000 + number))
        for copy in range(6)
        for number, line in enumerate(a_full_sheet().lines)
    ]
    order = list(Chapter)
    return a_sheet(*sorted(lines, key=lambda line: order.index(line.chapter)))


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_page_is_tagged_as_pdf_ua_asks(language: Language) -> None:
    sheet = a_usual_sheet()
    words = sheet_in_words(sheet, language)
    reader = opened(write_pdf(sheet, language))
    root: Any = reader.root_object
    assert root["/MarkInfo"]["/Marked"]
    assert str(root["/Lang"]).startswith(language)
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    assert reader.metadata is not None
    assert reader.metadata.title == words.title
    count = Counter(tags(root["/StructTreeRoot"]))
    assert count["/H1"] == 1
    assert count["/H2"] == len(words.chapters)
    assert count["/LI"] == sum(len(chapter.lines) for chapter in words.chapters)


def test_a_usual_sheet_is_one_page_and_a_large_one_more_of_them() -> None:
    assert len(opened(write_pdf(a_sheet(), "fr")).pages) == 1
    assert len(opened(write_pdf(a_usual_sheet(), "fr")).pages) == 1
    large = large_sheet()
    pages = opened(write_pdf(large, "fr")).pages
    assert len(pages) > 1
    name = sheet_in_words(large, "fr").person[0]
    assert all(name in page.extract_text() for page in pages), "each page says whose it is"


def test_equal_sheets_give_equal_bytes() -> None:
    assert write_pdf(a_usual_sheet(), "fr") == write_pdf(a_usual_sheet(), "fr")
    assert write_pdf(a_sheet(), "fr") != write_pdf(a_usual_sheet(), "fr")


def test_a_line_longer_than_a_page_is_continued_and_never_cut() -> None:
    comment = " ".join(f"mot{number}" for number in range(3000))
    reader = opened(write_pdf(a_sheet(line(1, Chapter.VACCINATIONS, PENICILLIN, comments=(comment,))), "fr"))
    text = " ".join(page.extract_text() for page in reader.pages)
    assert len(reader.pages) > 1
    assert {word for word in text.split() if word.startswith("mot")} >= set(comment.split())


def test_words_of_documents_are_shown_and_never_run() -> None:
    name = '#panic("run") $x$ *a* <b> \\ "c" {d} = e'
    text = opened(write_pdf(a_sheet(line(1, Chapter.PROBLEMS, Concept(text=name))), "fr")).pages[0].extract_text()
    assert '#panic("run") $x$ *a* <b>' in text
