"""Reads the header of a CDA into a small tree: the elements of ClinicalDocument before `component`.

Of the body only its kind is read: a `nonXMLBody` has a media type, which decides the format of the document.
"""

from contextlib import suppress
from typing import Final
from xml.parsers import expat

from shared.cda.element import Element
from shared.cda.errors import NotCdaError, TooDeepError, TooLargeError
from shared.cda.xml import (
    HL7,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_HEADER_ELEMENTS,
    MAX_TEXT,
    new_parser,
    parse,
    refuse_by_bytes,
)

_PREFIX: Final = f"{HL7} "
_DOCUMENT: Final = f"{HL7} ClinicalDocument"
_WRAPPED_DEPTH: Final = 3


class _EndOfHeaderError(Exception):
    """Stops the parser: the header has been read."""


class _HeaderReader:
    """Builds the tree, and stops the parser when the body begins."""

    def __init__(self) -> None:
        self.document: Element | None = None
        self.media_type: str | None = None
        self._stack: list[Element] = []
        self._depth = 0
        self._count = 0
        self._in_body = False

    def watch(self, parser: expat.XMLParserType) -> None:
        """Sets the handlers of the parser."""
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > MAX_DEPTH:
            raise TooDeepError
        if self._count > (MAX_HEADER_ELEMENTS if self._stack else MAX_ELEMENTS):
            raise TooLargeError("The header of this ClinicalDocument is larger than is taken here.")
        if self._in_body:
            self._body(name.removeprefix(_PREFIX), attributes)
        elif self._stack:
            if len(self._stack) == 1 and name == f"{_PREFIX}component":
                self._in_body = True
                return
            element = Element(name.removeprefix(_PREFIX), attributes)
            self._stack[-1].children.append(element)
            self._stack.append(element)
        elif name == _DOCUMENT and self._depth <= _WRAPPED_DEPTH:
            self.document = Element("ClinicalDocument", attributes)
            self._stack.append(self.document)

    def _body(self, name: str, attributes: dict[str, str]) -> None:
        """Reads the kind of body: `component` holds nonXMLBody/text or structuredBody."""
        if name == "nonXMLBody":
            return
        if name == "text":
            self.media_type = attributes.get("mediaType") or None
        raise _EndOfHeaderError

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if self._in_body:
            raise _EndOfHeaderError
        if self._stack:
            self._stack.pop()
            if not self._stack:
                raise _EndOfHeaderError

    def _text(self, text: str) -> None:
        if self._stack and not self._in_body:
            element = self._stack[-1]
            if len(element.text) < MAX_TEXT:
                element.text += text[:MAX_TEXT]


def read_tree(content: bytes) -> tuple[Element, str | None]:
    """Returns the header's tree, and the media type of an unstructured body (else None). Raises InvalidCdaError."""
    refuse_by_bytes(content)
    reader = _HeaderReader()
    with suppress(_EndOfHeaderError):
        parse(new_parser(reader.watch, content), content)
    if reader.document is None:
        raise NotCdaError
    return reader.document, reader.media_type
