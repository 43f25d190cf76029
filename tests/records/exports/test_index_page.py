"""The pages that open a copy: readable without a network, in two languages, and harmless whatever a title says."""

import base64
import hashlib
from html.parser import HTMLParser

import pytest

from services.records.exports.adapters.index_page import index_page
from services.records.exports.adapters.index_texts import PAGES, IndexTexts
from services.records.exports.domain.documents import extension_of
from shared.terminology.documents import section_labels
from tests.infra.records.exports import MADE_AT, a_document

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)> \x00\x1b\u202e & <b>'
DOCUMENTS = [
    a_document(1, care_on="2025-03-02", title="ancien"),
    a_document(2, care_on="2026-03-02", title="récent"),
    a_document(3, care_on="2026-03-02", title=EVIL, authors=(EVIL,), status="superseded"),
    a_document(4, section="BIOLOGIE", title="Bilan", status="archived", name="documents/4.xml"),
]


class Page(HTMLParser):
    """The elements of a page with their attributes, in their order, and its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Returns the attributes of all elements of this name."""
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(texts: IndexTexts) -> Page:
    return Page(index_page(texts, DOCUMENTS, MADE_AT))


@pytest.fixture(params=list(PAGES))
def page(request: pytest.FixtureRequest) -> Page:
    return page_of(PAGES[request.param])


def test_it_loads_and_runs_nothing(page: Page) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "link", "iframe", "object", "embed", "form", "base", "video", "audio", "svg"}
    assert not any(name.startswith("on") or name == "style" for _, attributes in page.elements for name in attributes)
    links = {str(link["href"]) for link in page.all("a")}
    ids = {f"#{attributes['id']}" for _, attributes in page.elements if "id" in attributes}
    assert links <= ids | {document.name for document in DOCUMENTS} | set(PAGES)
    assert {document.name for document in DOCUMENTS} <= links


def test_its_policy_allows_its_own_style_alone() -> None:
    for texts in PAGES.values():
        page = index_page(texts, DOCUMENTS, MADE_AT).decode()
        style = page.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'" in page
        assert "url(" not in style
        assert "@import" not in style


def test_documents_stand_by_rubric_newest_care_first(page: Page) -> None:
    names = [str(link["href"]) for link in page.all("a") if str(link["href"]).startswith("documents/")]
    assert names == [document.name for document in (DOCUMENTS[2], DOCUMENTS[1], DOCUMENTS[0], DOCUMENTS[3])]


def test_whatever_a_document_says_stays_text(page: Page) -> None:
    text = "".join(page.texts)
    assert "<script>alert(1)</script>" in text
    assert not set(text) & {"\x00", "\x1b", "\u202e"}


def test_a_reader_that_speaks_finds_language_headings_and_tables(page: Page) -> None:
    [html] = page.all("html")
    assert html["lang"] in ("fr", "en")
    assert len(page.all("h1")) == 1
    sections, titles = page.all("section"), {heading.get("id") for heading in page.all("h2")}
    assert [section["aria-labelledby"] in titles for section in sections] == [True, True]
    assert len(page.all("main")) == len(page.all("nav")) == 1
    assert len(page.all("caption")) == len(page.all("table")) == len(sections)
    assert all(header.get("scope") in ("col", "row") for header in page.all("th"))
    assert page.all("a")[0] == {"class": "skip", "href": "#documents"}
    other = {"fr": "en", "en": "fr"}[str(html["lang"])]
    assert {"href": "index.html" if other == "fr" else "index.en.html", "lang": other, "hreflang": other} in page.all(
        "a"
    )


def test_french_and_english_say_the_same() -> None:
    french, english = ("".join(page_of(texts).texts) for texts in PAGES.values())
    assert ("4 documents." in french, "4 documents." in english) == (True, True)
    assert ("ancienne version" in french, "earlier version" in english) == (True, True)
    assert ("faite le 30 novembre 2026." in french, "Copy made on November 30, 2026." in english) == (True, True)
    assert ("2 mars 2026" in french, "March 2, 2026" in english) == (True, True)


def test_every_section_has_its_place() -> None:
    documents = [a_document(number, section=section) for number, section in enumerate([*section_labels(), "NEW"])]
    page = Page(index_page(PAGES["index.html"], documents, MADE_AT))
    assert {str(link["href"]) for link in page.all("a")} >= {document.name for document in documents}


def test_the_same_documents_make_the_same_page_in_any_order() -> None:
    for texts in PAGES.values():
        assert index_page(texts, DOCUMENTS, MADE_AT) == index_page(texts, DOCUMENTS[::-1], MADE_AT)


@pytest.mark.parametrize(
    ("content_type", "content", "extension"),
    [
        ("application/pdf", b"%PDF-1.7", "pdf"),
        ("text/xml", b"<ClinicalDocument/>", "xml"),
        ("application/xml; charset=utf-8", b"<a/>", "xml"),
        ("text/xml", b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "txt"),
        ("text/html", b"<!DOCTYPE html><script>", "txt"),
        ("TEXT/PLAIN", b"text", "txt"),
        ("image/svg+xml", b"<svg/>", "bin"),
        ("x/../../y", b"?", "bin"),
    ],
)
def test_a_file_gets_the_extension_of_its_kind_and_none_that_runs(
    content_type: str, content: bytes, extension: str
) -> None:
    assert extension_of(content_type, content) == extension
