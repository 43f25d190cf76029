"""Content is answered with harmless media types only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.records.documents.domain.metadata import served_type


@pytest.mark.parametrize(
    ("sent", "served"),
    [
        ("text/xml", "text/xml"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("text/plain; a=b", "text/plain"),
        ("text/plain;\rset-cookie: a", "text/plain"),
        ("te\u017ft/plain", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_only_harmless_media_types_are_answered_with(sent: str, served: str) -> None:
    assert served_type(sent, b"") == served


@given(st.text())
def test_a_media_type_never_leaves_latin_letters(sent: str) -> None:
    assert served_type(sent, b"").isascii()
    assert not set(served_type(sent, b"")) & set("\r\n\0")


@pytest.mark.parametrize(
    ("content", "served"),
    [
        (b"<html xmlns='http://www.w3.org/1999/xhtml'><script/></html>", "text/html"),
        (
            b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <a> --><h:html xmlns:h='http://www.w3.org/1999/xhtml'/>",
            "text/html",
        ),
        (b"<HTML>", "text/html"),
        (b"<?xml version='1.0'?><ClinicalDocument><html/></ClinicalDocument>", "text/xml"),
        (b"<htmlish/>", "text/xml"),
    ],
)
def test_html_that_was_sent_as_xml_is_called_html(content: bytes, served: str) -> None:
    assert served_type("text/xml", content) == served
    assert served_type("application/pdf", content) == "application/pdf"


@pytest.mark.parametrize("part", [b"<!---->", b"<?a?>", b"<!-- --> \n", b"<!--"])
def test_a_long_prolog_takes_no_longer_than_its_length(part: bytes) -> None:
    assert served_type("text/xml", part * 20_000 + b"<a/>") == "text/xml"
