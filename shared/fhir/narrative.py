"""Checks the narrative of a resource (FHIR R4, Narrative: txt-1, txt-2, and "Restricted XHTML").

It may hold the elements and attributes of basic formatting, images and links alone. What a program runs or fetches on
its own is refused: scripts, event handlers, styles and images from elsewhere. A link that a person follows may lead
out.
"""

import re
from typing import Final
from xml.parsers import expat

XHTML: Final = "http://www.w3.org/1999/xhtml"
MAX_LENGTH: Final = 100_000
MAX_DEPTH: Final = 100

_FORMATTING = """
div p br h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address bdo
kbd sub sup ul ol li dl dt dd pre code samp img map area table caption colgroup col thead tr tfoot tbody th td"""
_FORMATTING_ATTRIBUTES = """
title style class id lang dir accesskey tabindex name href hreflang rel rev type charset src alt width height border
usemap shape coords nohref cite summary align valign char charoff axis abbr headers scope rowspan colspan span frame
rules cellspacing cellpadding value start"""
_RUN_OR_FETCHED = """
script noscript style link base meta head body form input button select textarea iframe frame frameset object embed
applet param video audio source svg math"""
_ELEMENTS: Final = frozenset(_FORMATTING.split())
_ATTRIBUTES: Final = frozenset(_FORMATTING_ATTRIBUTES.split()) | {
    "http://www.w3.org/XML/1998/namespace lang",
    "http://www.w3.org/XML/1998/namespace space",
}
_UNSAFE_ELEMENTS: Final = frozenset(_RUN_OR_FETCHED.split())
_LINK: Final = re.compile(r"(?:(?:https?|mailto|tel):|(?![a-z][a-z0-9+.-]*:)(?!//))[^\x00-\x20\\]*", re.IGNORECASE)
_IMAGE: Final = re.compile(r"#[^\s]*|data:image/(?:png|jpeg|gif);base64,[A-Za-z0-9+/=]*")
_ACTIVE_STYLE: Final = re.compile(
    r"url\s*\(|image\s*\(|image-set|expression|@|\\|behavior|binding|javascript:", re.IGNORECASE
)


class NarrativeError(Exception):
    """A narrative cannot be taken. `code`: narrative-unsafe for what is run or fetched, else narrative-invalid."""

    def __init__(self, code: str, rule: str) -> None:
        super().__init__(rule)
        self.code = code
        self.rule = rule
        """What is wrong, after the name of the element: "holds a script"."""


def check_narrative(div: str) -> None:
    """Checks the `div` of a narrative. Raises NarrativeError."""
    if len(div) > MAX_LENGTH:
        raise NarrativeError("narrative-invalid", f"has more than {MAX_LENGTH:,} characters")
    reader = _Reader()
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = _refuse_declaration
    parser.ProcessingInstructionHandler = _refuse_declaration
    try:
        parser.Parse(div.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError):
        raise _invalid("is not well-formed XHTML") from None
    if not reader.has_content:
        raise _invalid("has neither text nor an image (txt-2)")


class _Reader:
    def __init__(self) -> None:
        self.depth = 0
        self.has_content = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, element = name.rpartition(" ")
        if self.depth == 0 and (namespace, element) != (XHTML, "div"):
            raise _invalid(f"must be a div of the namespace {XHTML}")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _invalid(f"is nested deeper than {MAX_DEPTH} levels")
        if element.lower() in _UNSAFE_ELEMENTS:
            raise _unsafe("holds a script, a form, or an element that fetches something")
        if namespace != XHTML or element not in _ELEMENTS:
            raise _invalid("holds an element that is none of basic formatting (txt-1)")
        for attribute, value in attributes.items():
            _check_attribute(element, attribute, value)
        self.has_content = self.has_content or element == "img"

    def end(self, name: str) -> None:
        self.depth -= 1

    def characters(self, text: str) -> None:
        self.has_content = self.has_content or not text.isspace()


def _check_attribute(element: str, attribute: str, value: str) -> None:
    if attribute.rpartition(" ")[2].lower().startswith("on"):
        raise _unsafe("holds an event handler")
    if attribute not in _ATTRIBUTES:
        raise _invalid("holds an attribute that is none of basic formatting (txt-1)")
    match attribute:
        case "style" if _ACTIVE_STYLE.search(value):
            raise _unsafe("holds a style that fetches or runs something")
        case "src" if element != "img" or _IMAGE.fullmatch(value) is None:
            raise _unsafe("holds an image from elsewhere: embed it (data:) or leave it out")
        case "href" if element not in ("a", "area") or _LINK.fullmatch(value) is None:
            raise _unsafe("holds a link that runs something")
        case "cite" | "usemap" if _LINK.fullmatch(value) is None:
            raise _unsafe("holds a reference that runs something")


def _refuse_declaration(*_: object) -> None:
    raise _invalid("holds a document type or a processing instruction")


def _invalid(rule: str) -> NarrativeError:
    return NarrativeError("narrative-invalid", rule)


def _unsafe(rule: str) -> NarrativeError:
    return NarrativeError("narrative-unsafe", rule)
