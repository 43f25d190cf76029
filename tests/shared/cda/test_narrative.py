"""The narrative of CDAs as HTML: nothing but what is chosen here reaches a page."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from shared.cda.errors import InvalidCdaError
from shared.cda.narrative import DEEPEST, LARGEST_IMAGE, read_narrative

SAMPLES = Path(__file__).parents[2] / "documents"
TAGS = {
    *("h2", "h3", "h4", "h5", "h6", "div", "p", "ul", "ol", "li", "br", "strong", "em", "sub", "sup", "small", "a"),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "img"),
}
ATTRIBUTES = {"class", "tabindex", "colspan", "rowspan", "href", "rel", "target", "src", "alt"}


def cda(text: str, more: str = "") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody>'
        f"<component><section><title>Conclusion</title><text>{text}</text>{more}</section></component>"
        "</structuredBody></component></ClinicalDocument>"
    ).encode()


def html_of(text: str, more: str = "") -> str:
    """Returns the narrative of one text, without its section."""
    html = read_narrative(cda(text, more)).html
    return html.removeprefix('<h2>Conclusion</h2><div class="narrative">').removesuffix("</div>")


class Elements(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a &lt;script&gt; b", "a &lt;script&gt; b"),
        ("<paragraph>un<br/>deux</paragraph>", "<p>un<br>deux</p>"),
        ('<list listType="ordered"><item>un</item></list>', "<ol><li>un</li></ol>"),
        ('<content styleCode="Bold">gras</content>', "<strong>gras</strong>"),
        ('<content ID="x" style="position:fixed" onclick="a()">simple</content>', "simple"),
        ("<script>alert(1)</script>", "alert(1)"),
        ('<html:script xmlns:html="http://www.w3.org/1999/xhtml">alert(1)</html:script>', "alert(1)"),
        ('<linkHtml href="javascript:alert(1)">lien</linkHtml>', "lien"),
        ('<linkHtml href="#a">lien</linkHtml>', "lien"),
        (
            '<linkHtml href="https://exemple.test/a?b=1&amp;c=2">lien</linkHtml>',
            '<a href="https://exemple.test/a?b=1&amp;c=2" rel="noopener noreferrer" target="_blank">lien</a>',
        ),
        (
            '<table width="9999"><tr><th/><td colspan="2" rowspan="99999">a</td></tr><caption>t</caption></table>',
            '<div class="scroll" tabindex="0"><table><caption>t</caption><tr><td></td><td colspan="2">a</td></tr>'
            "</table></div>",
        ),
        ("<paragraph>avant<list><item>a</item></list></paragraph>", "<div>avant<ul><li>a</li></ul></div>"),
        ('<renderMultiMedia referencedObject="none"/>', ""),
    ],
)
def test_each_element_becomes_one_that_is_chosen_here(text: str, html: str) -> None:
    assert html_of(text) == html


@pytest.mark.parametrize(
    ("media_type", "size", "is_shown"),
    [
        ("image/png", 10, True),
        ("image/svg+xml", 10, False),
        ("text/html", 10, False),
        ("image/png", LARGEST_IMAGE + 1, False),
    ],
)
def test_an_image_inside_the_document_is_shown_if_its_type_is_known(media_type: str, size: int, is_shown: bool) -> None:
    value = base64.b64encode(b"x" * size).decode()
    entry = (
        '<entry><observationMedia ID="m"><value representation="B64" '
        f'mediaType="{media_type}">{value}</value></observationMedia></entry>'
    )
    html = html_of('<renderMultiMedia referencedObject="m"><caption>Un "cliché"</caption></renderMultiMedia>', entry)
    assert html.startswith('<img class="picture" src="data:image/png;base64,') is is_shown
    assert ('alt="Un &quot;cliché&quot;"' in html) is is_shown


def test_sections_within_sections_have_headings_below_theirs() -> None:
    inner = "<component><section><title>Détail</title><text>mot</text></section></component>"
    html = read_narrative(cda("x", inner)).html
    assert re.findall(r"<(h\d)>", html) == ["h2", "h3"]


def test_what_is_nested_too_deeply_keeps_its_words() -> None:
    depth = 3 * DEEPEST
    html = html_of(f"{'<list><item>' * depth}mot{'</item></list>' * depth}")
    assert "mot" in html
    assert html.count("<ul>") <= DEEPEST


def test_a_body_of_level_1_is_unwrapped() -> None:
    body = base64.b64encode(b"%PDF-1.4 ...").decode()
    content = (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody>'
        f'<text mediaType="application/pdf" representation="B64">{body}</text></nonXMLBody></component>'
        "</ClinicalDocument>"
    )
    narrative = read_narrative(content.encode())
    assert narrative.html == ""
    assert narrative.attachment is not None
    assert (narrative.attachment.media_type, narrative.attachment.content) == ("application/pdf", b"%PDF-1.4 ...")


@pytest.mark.parametrize("content", [b"", b"<a/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>", b"%PDF-1.4"])
def test_what_is_no_cda_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidCdaError):
        read_narrative(content)


@pytest.mark.parametrize("name", ["consultation.xml", "self-displaying.xml"])
def test_a_whole_document_has_only_the_elements_that_are_known(name: str) -> None:
    narrative = read_narrative((SAMPLES / name).read_bytes())
    elements = Elements()
    elements.feed(narrative.html)
    assert elements.tags
    assert elements.tags <= TAGS
    assert elements.names <= ATTRIBUTES
