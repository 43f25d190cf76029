"""The narrative of a CDA as HTML: an own walk over the closed vocabulary of narrative blocks (CDA R2, 4.3.5).

Nothing of the document's own markup, styles or addresses reaches the page: each element becomes one that is chosen
here, each text is escaped, links lead to http(s) only, and images are bytes of known types inside the document.
Elements that are not known keep their text. A body that is no XML (level 1) is unwrapped instead.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final
from xml.etree.ElementTree import Element

from shared.cda.body import CDA, BodyLimits, read_document

IMAGE_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif"})
LARGEST_IMAGE: Final = 4 * 1024 * 1024
DEEPEST: Final = 60
"""Elements that are nested deeper keep only their text."""
_DEEPEST_HEADING: Final = 6
_MOST_CELLS: Final = 100
_TAGS: Final[Mapping[str, str]] = {
    "thead": "thead",
    "tbody": "tbody",
    "tfoot": "tfoot",
    "tr": "tr",
    "item": "li",
    "sub": "sub",
    "sup": "sup",
    "footnote": "small",
}
_EMPTY: Final[Mapping[str, str]] = {"br": "<br>", "col": "", "colgroup": ""}
_STYLES: Final[Mapping[str, str]] = {"bold": "strong", "italics": "em", "emphasis": "em", "bolditalics": "strong"}
_BLOCKS: Final = frozenset({f"{CDA}{name}" for name in ("list", "table", "paragraph")})
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>\\]{1,2000}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A body that is no XML: its media type and its bytes."""

    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Narrative:
    """What a person reads of a CDA. `html`: safe HTML of its sections, with headings from h2 on; empty where the body
    is an attachment."""

    html: str = field(repr=False)
    attachment: Attachment | None = None


def read_narrative(
    content: bytes, limits: BodyLimits | None = None, checkpoint: Callable[[], None] = lambda: None
) -> Narrative:
    """Returns the narrative. `limits`, `checkpoint`: as for `read_document`. Raises InvalidCdaError."""
    document = read_document(content, limits or BodyLimits(), checkpoint)
    component = document.find(f"{CDA}component")
    if component is None:
        return Narrative("")
    unstructured = component.find(f"{CDA}nonXMLBody/{CDA}text")
    if unstructured is not None:
        return Narrative("", _attachment(unstructured))
    writer = _Writer(_media(document))
    sections = component.findall(f"{CDA}structuredBody/{CDA}component/{CDA}section")
    return Narrative("".join(part for section in sections for part in writer.section(section, 2)))


def _attachment(text: Element) -> Attachment | None:
    body, media_type = "".join(text.itertext()), text.get("mediaType", "text/plain").strip().lower()
    if text.get("representation") != "B64":
        return Attachment(media_type, body.encode())
    decoded = _decoded(body)
    return None if decoded is None else Attachment(media_type, decoded)


def _media(document: Element) -> dict[str, Element]:
    """Returns the values of the embedded media by the id that the narrative references."""
    media = {}
    for observation in document.iter(f"{CDA}observationMedia"):
        value, id = observation.find(f"{CDA}value"), observation.get("ID")
        if value is not None and id:
            media[id] = value
    return media


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


class _Writer:
    """Writes the HTML of sections, in parts."""

    def __init__(self, media: Mapping[str, Element]) -> None:
        self._media = media

    def section(self, section: Element, level: int) -> Iterator[str]:
        heading = f"h{min(level, _DEEPEST_HEADING)}"
        title, text = section.find(f"{CDA}title"), section.find(f"{CDA}text")
        words = " ".join("".join(title.itertext()).split()) if title is not None else ""
        if words:
            yield f"<{heading}>{escape(words)}</{heading}>"
        if text is not None:
            yield '<div class="narrative">'
            yield from self._inside(text, 0)
            yield "</div>"
        if level < DEEPEST:
            for inner in section.findall(f"{CDA}component/{CDA}section"):
                yield from self.section(inner, level + 1)

    def _inside(self, element: Element, depth: int) -> Iterator[str]:
        """Yields the text and the children of an element."""
        yield escape(element.text or "")
        for child in element:
            yield from self._element(child, depth + 1)
            yield escape(child.tail or "")

    def _element(self, element: Element, depth: int) -> Iterator[str]:
        name = element.tag.removeprefix(CDA)
        if depth > DEEPEST:
            yield escape("".join(element.itertext()))
        elif name in _EMPTY:
            yield _EMPTY[name]
        elif name in _TAGS:
            yield from self._within(_TAGS[name], element, depth)
        else:
            write = {
                "td": self._cell,
                "th": self._cell,
                "table": self._table,
                "list": self._list,
                "linkHtml": self._link,
                "renderMultiMedia": self._pictures,
            }.get(name, self._styled)
            yield from write(element, depth)

    def _within(self, tag: str, element: Element, depth: int) -> Iterator[str]:
        yield f"<{tag}>"
        yield from self._inside(element, depth)
        yield f"</{tag}>"

    def _table(self, element: Element, depth: int) -> Iterator[str]:
        """Yields a table; its caption comes first, as HTML wants it, and stray text is left out of it."""
        yield '<div class="scroll" tabindex="0"><table>'
        for child in sorted(element, key=lambda child: child.tag != f"{CDA}caption"):
            if child.tag == f"{CDA}caption":
                yield from self._within("caption", child, depth)
            else:
                yield from self._element(child, depth + 1)
        yield "</table></div>"

    def _list(self, element: Element, depth: int) -> Iterator[str]:
        return self._within("ol" if element.get("listType") == "ordered" else "ul", element, depth)

    def _cell(self, element: Element, depth: int) -> Iterator[str]:
        is_heading = element.tag == f"{CDA}th" and "".join(element.itertext()).strip()
        tag = "th" if is_heading else "td"
        spans = "".join(_span(element, attribute) for attribute in ("colspan", "rowspan"))
        yield f"<{tag}{spans}>"
        yield from self._inside(element, depth)
        yield f"</{tag}>"

    def _link(self, element: Element, depth: int) -> Iterator[str]:
        address = element.get("href", "").strip()
        if _ADDRESS.fullmatch(address) is None:
            yield from self._inside(element, depth)
            return
        yield f'<a href="{escape(address)}" rel="noopener noreferrer" target="_blank">'
        yield from self._inside(element, depth)
        yield "</a>"

    def _styled(self, element: Element, depth: int) -> Iterator[str]:
        has_blocks = any(child.tag in _BLOCKS for child in element.iter() if child is not element)
        words = element.get("styleCode", "").lower().split()
        style = next((_STYLES[style] for style in words if style in _STYLES), None)
        tag = "p" if element.tag in (f"{CDA}paragraph", f"{CDA}caption") else style
        if has_blocks:
            tag = "div" if tag else None
        if tag is None:
            yield from self._inside(element, depth)
        elif tag == "p" and style is not None:
            yield f"<p><{style}>"
            yield from self._inside(element, depth)
            yield f"</{style}></p>"
        else:
            yield from self._within(tag, element, depth)

    def _pictures(self, element: Element, _depth: int) -> Iterator[str]:
        """Yields the images that the document has inside itself; the caption is their text."""
        caption = " ".join("".join(element.itertext()).split())
        for id in element.get("referencedObject", "").split():
            value = self._media.get(id)
            media_type = "" if value is None else value.get("mediaType", "").strip().lower()
            content = None
            if value is not None and media_type in IMAGE_TYPES:
                content = _decoded("".join(value.itertext()))
            if content is None or len(content) > LARGEST_IMAGE:
                continue
            data = base64.b64encode(content).decode()
            yield f'<img class="picture" src="data:{media_type};base64,{data}" alt="{escape(caption)}">'


def _span(element: Element, attribute: str) -> str:
    text = element.get(attribute, "")
    is_span = text.isascii() and text.isdigit() and 1 < int(text[:4]) <= _MOST_CELLS
    return f' {attribute}="{int(text)}"' if is_span else ""
