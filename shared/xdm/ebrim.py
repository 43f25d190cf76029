"""Reads METADATA.XML into its registry objects (ebRIM 3.0): extrinsic objects, packages, classifications, associations.

expat, as for CDAs (`shared.cda.xml`): a DOCTYPE ends the parse, so that no entity exists; size, depth and number of
elements are limited. Sources: OASIS ebRIM 3.0, IHE ITI TF-3 4.2.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

from shared.cda.element import Element
from shared.cda.errors import InvalidCdaError
from shared.cda.xml import new_parser, parse
from shared.values import RedactedRepr
from shared.xdm.errors import InvalidMetadataError

MAX_SIZE: Final = 4 * 1024 * 1024
MAX_ELEMENTS: Final = 50_000
MAX_DEPTH: Final = 32
MAX_TEXT: Final = 8192
_RIM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
_LIST: Final = "RegistryObjectList"
_DECLARED_UTF_16: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?<\?xml[^>]{1,80}utf-16[^>]{0,80}\?>", re.IGNORECASE)
_LITTLE_ENDIAN_MARK: Final = 0xFF
_UTF_16: Final = re.compile(rb"\xff\xfe|\xfe\xff|<\x00|\x00<")


@dataclass(frozen=True, slots=True, repr=False)
class ParsableForm(RedactedRepr):
    """METADATA.XML as it is parsed. `head`: the declaration that was left out; `mark`, `codec`: of UTF-16."""

    body: bytes
    head: bytes
    mark: bytes
    codec: str | None

    def restored(self, body: bytes) -> bytes:
        """Returns another body in the form in which METADATA.XML came."""
        whole = self.head + body
        return whole if self.codec is None else self.mark + whole.decode().encode(self.codec)


def read_objects(content: bytes) -> list[Element]:
    """Returns the objects of the RegistryObjectList; their names are without the namespace of ebRIM.

    Raises InvalidMetadataError.
    """
    return objects_by(ObjectReader(), parsable_form(content).body)


def objects_by(reader: "ObjectReader", body: bytes) -> list[Element]:
    """Returns the objects that a reader builds. Raises InvalidMetadataError."""
    try:
        parse(new_parser(reader.watch, body), body)
    except InvalidCdaError as error:
        raise InvalidMetadataError(f"METADATA.XML: {error}") from None
    objects = next(_lists(reader.root), None)
    if objects is None:
        raise InvalidMetadataError
    return objects.children


def slots_of(element: Element) -> dict[str, tuple[str, ...]]:
    """Returns the values of the slots of an object by the names of the slots; blank values are left out."""
    slots: dict[str, list[str]] = {}
    for slot in element.all("Slot"):
        name = slot.get("name")
        if name is not None:
            texts = (value.text.strip() for value in slot.all("ValueList", "Value"))
            slots.setdefault(name, []).extend(text for text in texts if text)
    return {name: tuple(texts) for name, texts in slots.items()}


def text_of(element: Element, name: str) -> str | None:
    """Returns the text of a Name or Description of an object."""
    return element.get("value", name, "LocalizedString")


def _lists(element: Element) -> Iterator[Element]:
    """Yields the object lists: of a SubmitObjectsRequest, or of a request of ITI-41 around it."""
    if element.name == _LIST:
        yield element
        return
    for child in element.children:
        yield from _lists(child)


def parsable_form(content: bytes) -> ParsableForm:
    """Returns UTF-16 in UTF-8, without the declaration; so too bytes that only say that they are, as .NET does.

    Raises InvalidMetadataError.
    """
    if len(content) > MAX_SIZE:
        raise InvalidMetadataError("METADATA.XML is larger than is taken here.")
    mark, codec = b"", None
    if _UTF_16.match(content):
        has_mark = content[0] > 0 and content[1] > 0
        codec = "utf-16-le" if content[0] == _LITTLE_ENDIAN_MARK or content[1] == 0 else "utf-16-be"
        mark = content[:2] if has_mark else b""
        try:
            content = content[len(mark) :].decode(codec).encode()
        except UnicodeDecodeError:
            raise InvalidMetadataError("METADATA.XML is not in UTF-16.") from None
    declaration = _DECLARED_UTF_16.match(content)
    head = declaration[0] if declaration is not None else b""
    return ParsableForm(content[len(head) :], head, mark, codec)


class ObjectReader:
    """Builds the tree of elements; a subclass may build its own kind of element."""

    def __init__(self) -> None:
        self.root = Element("", {})
        self._stack = [self.root]
        self._count = 0

    def watch(self, parser: expat.XMLParserType) -> None:
        """Sets the handlers of the parser."""
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._stack) > MAX_DEPTH:
            raise InvalidMetadataError("METADATA.XML has too many elements, or is nested too deep.")
        element = self.new_element(name.removeprefix(f"{_RIM} "), attributes)
        self._stack[-1].children.append(element)
        self._stack.append(element)

    def new_element(self, name: str, attributes: dict[str, str]) -> Element:
        """Returns the element of a start tag."""
        return Element(name, attributes)

    def _end(self, _name: str) -> None:
        self.finish_element(self._stack.pop())

    def finish_element(self, element: Element) -> None:
        """Takes notice of an end tag."""

    def _text(self, text: str) -> None:
        element = self._stack[-1]
        if len(element.text) + len(text) > MAX_TEXT:
            raise InvalidMetadataError("METADATA.XML has a text that is longer than is taken here.")
        element.text += text
