"""Changes single values of METADATA.XML in its text. Every other byte stays: tags, spaces, comments, the encoding.

The registry objects are read with the places of their tags, and only the changed values are written anew: in UTF-8 and
UTF-16 as they are, in another encoding with character references outside ASCII, which mean the same in every encoding.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final
from xml.parsers import expat

from shared.cda.element import Element
from shared.xdm.archive_rewrite import Splice, spliced
from shared.xdm.ebrim import ObjectReader, objects_by, parsable_form

_OTHER_ENCODING: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?<\?xml[^>]{1,80}?encoding\s*=\s*[\"'](?!utf-?8[\"'])", re.IGNORECASE
)
"""The beginning of what is declared to be in another encoding than UTF-8."""
_TAG_NAME: Final = re.compile(rb"<([^\s/>]+)")
_ATTRIBUTE: Final = re.compile(rb"\s+([^\s=/>]+)\s*=\s*(\"[^\"]*\"|'[^']*')")


@dataclass(slots=True)
class LocatedElement(Element):
    """An element with its places in the body. `end`: where its end tag begins, where it has one."""

    start: int = 0
    end: int = 0


class EditableMetadata:
    """METADATA.XML with the changes that are to be made. Raises InvalidMetadataError where it cannot be read."""

    def __init__(self, content: bytes) -> None:
        self._form = parsable_form(content)
        self._body = self._form.body
        self._codec = "ascii" if _OTHER_ENCODING.match(self._body) else "utf-8"
        self._splices: dict[int, Splice] = {}
        self.objects = objects_by(_LocatingReader(), self._body)

    def content(self) -> bytes:
        """Returns the whole with its changes."""
        return self._form.restored(spliced(self._body, list(self._splices.values())))

    def set_attribute(self, element: Element, name: str, value: str) -> bool:
        """Sets an attribute. Returns False where the element does not state it."""
        for attribute in self._attributes(_located(element)):
            if attribute[1] == name.encode():
                self._replace(attribute.start(2) + 1, attribute.end(2) - 1, value)
                return True
        return False

    def set_text(self, element: Element, text: str) -> bool:
        """Sets the whole content of an element. Returns False where it is an empty-element tag."""
        located = _located(element)
        start = self._content_start(located)
        if start is None:
            return False
        self._replace(start, located.end, text)
        return True

    def add_text_element(self, parent: Element, name: str, text: str) -> bool:
        """Adds an element with a text behind the others of its parent, whose namespace prefix it takes.

        Returns False where the parent is an empty-element tag.
        """
        return self._append(parent, name, b">%b</%b>" % (self._escaped(text), self._prefixed(parent, name)))

    def add_empty_element(self, parent: Element, name: str, attributes: dict[str, str]) -> bool:
        """Adds an element without content; otherwise as add_text_element."""
        stated = b"".join(b' %b="%b"' % (key.encode(), self._escaped(value)) for key, value in attributes.items())
        return self._append(parent, name, stated + b"/>")

    def _append(self, parent: Element, name: str, rest: bytes) -> bool:
        located = _located(parent)
        if self._content_start(located) is None:
            return False
        earlier = self._splices.get(located.end)
        before = b"" if earlier is None else earlier.content
        added = b"<%b%b" % (self._prefixed(parent, name), rest)
        self._splices[located.end] = Splice(located.end, located.end, before + added)
        return True

    def _replace(self, start: int, end: int, value: str) -> None:
        self._splices[start] = Splice(start, end, self._escaped(value))

    def _escaped(self, text: str) -> bytes:
        return escape(text).encode(self._codec, "xmlcharrefreplace")

    def _prefixed(self, parent: Element, name: str) -> bytes:
        prefix, colon, _ = self._tag(_located(parent))[1].rpartition(b":")
        return prefix + colon + name.encode()

    def _tag(self, element: LocatedElement) -> re.Match[bytes]:
        tag = _TAG_NAME.match(self._body, element.start)
        assert tag is not None, "expat found a start tag there"
        return tag

    def _attributes(self, element: LocatedElement) -> Iterator[re.Match[bytes]]:
        at = self._tag(element).end()
        while attribute := _ATTRIBUTE.match(self._body, at):
            yield attribute
            at = attribute.end()

    def _content_start(self, element: LocatedElement) -> int | None:
        """Returns where the content begins; None of an empty-element tag."""
        ends = [self._tag(element).end(), *(attribute.end() for attribute in self._attributes(element))]
        closed = self._body.index(b">", ends[-1])
        return None if self._body[closed - 1 : closed] == b"/" else closed + 1


class _LocatingReader(ObjectReader):
    """Builds elements that know their places."""

    def watch(self, parser: expat.XMLParserType) -> None:
        super().watch(parser)
        self._parser = parser

    def new_element(self, name: str, attributes: dict[str, str]) -> Element:
        return LocatedElement(name, attributes, start=self._parser.CurrentByteIndex)

    def finish_element(self, element: Element) -> None:
        if isinstance(element, LocatedElement):
            element.end = self._parser.CurrentByteIndex


def _located(element: Element) -> LocatedElement:
    assert isinstance(element, LocatedElement), "built by the reader above"
    return element
