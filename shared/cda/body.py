"""Reads a whole CDA R2 document with its structured body into a tree, within limits.

The tree is built by expat and ElementTree in C, several times as fast as with handlers in Python. A document with a
DOCTYPE is refused, so that no entity exists.
"""

import codecs
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from shared.cda.element import Element
from shared.cda.errors import EncodingError, InvalidCdaError, NotCdaError, TooLargeError
from shared.cda.summary import CdaSummary, summary_of
from shared.cda.xml import HL7, MAX_HEADER_ELEMENTS, MAX_TEXT, new_parser, parse, refuse_by_bytes

CDA: Final = f"{{{HL7}}}"
"""What stands before the names of the elements of a CDA."""

_DOCUMENT: Final = f"{CDA}ClinicalDocument"
_SUMMARISED: Final = frozenset(
    f"{CDA}{name}" for name in ("id", "code", "effectiveTime", "confidentialityCode", "recordTarget", "relatedDocument")
)
_CHUNK: Final = 256 * 1024
_WRAPPED_LEVELS: Final = 2
_DECLARED: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,80}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_READ_ENCODINGS: Final = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1252"})
"""Encodings in which `<!DOCTYPE` has the bytes of ASCII."""


class TooManyElementsError(TooLargeError):
    """The document has more elements than are read here."""

    code = "xml-too-many-elements"


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """The largest document that is read: its bytes and its elements."""

    size: int = 20 * 1024 * 1024
    elements: int = 100_000


def read_document(content: bytes, limits: BodyLimits, checkpoint: Callable[[], None]) -> ElementTree.Element:
    """Returns ClinicalDocument, also from within the style sheet of a self-displaying document.

    `checkpoint` is called now and then; whatever it raises ends the reading. Raises InvalidCdaError.
    """
    refuse_by_bytes(content)
    if len(content) > limits.size:
        raise TooLargeError
    if content.count(b"<") > 2 * limits.elements:
        raise TooManyElementsError
    encoding = _encoding(content)
    if b"<!DOCTYPE" in content:
        parse(new_parser(lambda _parser: None, content), content)
    parser = ElementTree.XMLParser(encoding=encoding)  # noqa: S314 - sizes are limited, and no DOCTYPE is left
    view = memoryview(content)
    try:
        for start in range(0, len(content), _CHUNK):
            parser.feed(view[start : start + _CHUNK])
            checkpoint()
        root = parser.close()
    except ElementTree.ParseError as error:
        raise InvalidCdaError(f"The document is not well-formed XML (line {error.position[0]}).") from None
    except (LookupError, ValueError):
        raise EncodingError from None
    return _document(root)


def summary_in(document: ElementTree.Element) -> CdaSummary:
    """Returns the values that identify a ClinicalDocument of `read_document`, as `check_xml` returns them.

    Raises TooLargeError.
    """
    summarised = Element("ClinicalDocument", dict(document.attrib))
    waiting = deque((child, summarised) for child in document if child.tag in _SUMMARISED)
    count = 0
    while waiting:
        source, parent = waiting.popleft()
        count += 1
        if count > MAX_HEADER_ELEMENTS:
            raise TooLargeError
        text = "".join([source.text or "", *(child.tail or "" for child in source)])[:MAX_TEXT]
        element = Element(source.tag.removeprefix(CDA), dict(source.attrib), text)
        parent.children.append(element)
        waiting.extend((child, element) for child in source)
    return summary_of(summarised)


def _document(root: ElementTree.Element) -> ElementTree.Element:
    level = [root]
    for _ in range(_WRAPPED_LEVELS + 1):
        for element in level:
            if element.tag == _DOCUMENT:
                return element
        level = [child for element in level for child in element]
    raise NotCdaError


def _encoding(content: bytes) -> str | None:
    """Returns the declared encoding as expat knows it; None when none is declared. Raises EncodingError."""
    declared = _DECLARED.match(content)
    if declared is None:
        return None
    try:
        name = codecs.lookup(declared[1].decode("ascii")).name
    except LookupError:
        raise EncodingError from None
    if name not in _READ_ENCODINGS:
        raise EncodingError
    return "utf-8" if name == "utf-8" else declared[1].decode("ascii")
