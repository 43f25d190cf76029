"""The page of a sheet: semantic, without script, and with nothing of a document run as markup."""

from html.parser import HTMLParser

import pytest

from services.records.summary.domain.html import content_security_policy, write_html
from services.records.summary.domain.sheet import Language, SummarySheet
from services.records.summary.domain.sheet_in_words import sheet_in_words
from tests.infra.records.summary_sheets import a_full_sheet, a_sheet, a_usual_sheet

VOID = {"meta"}


class Page(HTMLParser):
    """The elements of a page, and whether each is closed in its place."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(content.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        raise AssertionError(f"<{tag}/> is no HTML")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("sheet", [a_sheet(), a_usual_sheet(), a_full_sheet(), a_sheet(patient=None)])
def test_a_page_is_well_formed_in_its_language(sheet: SummarySheet, language: Language) -> None:
    page = Page(write_html(sheet, language))
    assert page.open == []
    assert page.all("html") == [{"lang": language}]
    assert len(page.all("h1")) == len(page.all("main")) == 1
    ids = [heading["id"] for heading in page.all("h2")]
    assert [section["aria-labelledby"] for section in page.all("section")] == ids
    assert len(set(ids)) == len(sheet_in_words(sheet, language).chapters)


def test_nothing_runs_or_is_fetched() -> None:
    content = write_html(a_full_sheet(), "fr")
    page = Page(content)
    names = {name for name, _ in page.elements}
    assert names.isdisjoint({"script", "link", "img", "iframe", "form", "object"})
    assert all(str(link["href"]).startswith("tel:+") for link in page.all("a"))
    assert not any(attribute.startswith("on") for _, attributes in page.elements for attribute in attributes)
    assert "script" not in content_security_policy()
    assert "default-src 'none'; style-src 'sha256-" in content_security_policy()


def test_words_of_documents_are_text_and_never_markup() -> None:
    content = write_html(a_full_sheet(), "fr").decode()
    assert "arachide &lt;cacahuète&gt;" in content
    assert "Ada &lt;INVENTÉE&gt; &amp; Cie" in content


def test_rejected_lines_are_folded() -> None:
    content = write_html(a_full_sheet(), "fr").decode()
    folded = content[content.index("<details>") : content.index("</details>")]
    assert "arachide" in folded
    assert content.count("arachide") == 1


def test_an_english_page_says_which_words_are_french() -> None:
    assert '<strong lang="fr">amoxicilline</strong>' in write_html(a_full_sheet(), "en").decode()
    assert '<strong lang="fr">' not in write_html(a_full_sheet(), "fr").decode()


def test_a_telephone_number_can_be_called() -> None:
    assert (
        '<a href="tel:+33639980001">06\u00a039\u00a098\u00a000\u00a001</a>'
        in write_html(a_usual_sheet(), "fr").decode()
    )
