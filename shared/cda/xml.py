"""Checks cheaply whether an XML document is acceptable, and reads what identifies it when it is a CDA.

The check uses expat rather than lxml. lxml keeps every distinct name it ever read for the life of the thread (3.5 MB of
made-up names cost 12 MB for ever, measured with lxml 6.1.3) and builds a tree of some hundred bytes a node; expat frees
all its memory and builds no tree. A DOCTYPE ends the parse at once, so no entity exists.

The limit on depth needs no Python call per element either. In a well-formed document without CDATA sections and
processing instructions, once its comments are cut, `</` counts the end tags, `<` all tags, and `/>` the empty elements
unless it also occurs in text, which the totals reveal. Counted over stretches of 4 KB, this gives an upper bound of the
depth. Only when the bound does not decide are the elements counted one by one.
"""

import codecs
import re
from collections.abc import Callable
from typing import Final
from xml.parsers import expat

from shared.cda.element import Element
from shared.cda.errors import (
    DoctypeError,
    EmptyXmlError,
    EncodingError,
    InvalidCdaError,
    NulCharacterError,
    TooDeepError,
    TooLargeError,
)
from shared.cda.summary import CdaSummary, summary_of

HL7: Final = "urn:hl7-org:v3"
XSL: Final = "http://www.w3.org/1999/XSL/Transform"
MAX_DEPTH: Final = 256
MAX_SIZE: Final = 100 * 1024 * 1024
MAX_ELEMENTS: Final = 250_000
"""The largest official sample has 15,000. Only a document made to consume resources has more than this."""

MAX_HEADER_ELEMENTS: Final = 20_000
MAX_TEXT: Final = 4096
"""Characters kept of the text of one element."""

_DECLARED_ENCODING: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?<\?xml[^>]{1,80}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)
_STRETCH: Final = 4096
_PREFIX: Final = f"{HL7} "
_DOCUMENT: Final = f"{HL7} ClinicalDocument"
_RECORD_TARGET: Final = f"{HL7} recordTarget"
_RELATED: Final = b"relatedDocument"
_COMPONENT: Final = f"{HL7} component"
_KEPT: Final = frozenset(
    f"{HL7} {name}"
    for name in ("id", "code", "effectiveTime", "confidentialityCode", "recordTarget", "relatedDocument")
)
_WITH_TEXT: Final = frozenset(f"{HL7} {name}" for name in ("family", "given", "county"))
# A self-displaying document ("auto-présentable") is a style sheet around the CDA: stylesheet/Contenu/ClinicalDocument.
_WRAPPER: Final = f"{XSL} stylesheet"
_WRAPPED_DEPTH: Final = 3


def check_xml(content: bytes) -> CdaSummary | None:
    """Checks that the XML is well-formed, without DOCTYPE and NUL, at most 256 levels deep and of at most 250,000
    elements.

    Returns the values that identify the document when it is a CDA, else None. Raises InvalidCdaError.
    """
    refuse_by_bytes(content)
    if content.count(b"<") > 2 * MAX_ELEMENTS:
        raise TooLargeError
    reader = _SummaryReader(_RELATED in content)
    try:
        parse(new_parser(reader.watch, content), content)
    finally:
        reader.forget_parser()
    if not (reader.plain and _is_surely_shallow(content[reader.root_at :])):
        _count_depth(content)
    return None if reader.document is None else summary_of(reader.document)


def refuse_by_bytes(content: bytes) -> None:
    """Makes the checks that need no parsing: neither empty, too large nor with a NUL. Raises InvalidCdaError."""
    if not content or content.isspace():
        raise EmptyXmlError
    if len(content) > MAX_SIZE:
        raise TooLargeError
    if b"\0" in content:
        raise NulCharacterError


def new_parser(watch: Callable[[expat.XMLParserType], None], content: bytes) -> expat.XMLParserType:
    """Returns a parser that names elements `<namespace> <name>` and stops at a DOCTYPE; `watch` sets the other
    handlers. An encoding that is declared by another name of UTF-8, such as `utf8`, is UTF-8."""
    parser = expat.ParserCreate("utf-8" if _is_utf8_by_another_name(content) else None, " ")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    watch(parser)
    return parser


def parse(parser: expat.XMLParserType, content: bytes) -> None:
    """Parses the whole document. Raises InvalidCdaError, and whatever the handlers raise."""
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        if error.code == _UNKNOWN_ENCODING:
            raise EncodingError from None
        raise InvalidCdaError(f"The document is not well-formed XML (line {error.lineno}).") from None
    except (LookupError, ValueError):
        # pyexpat asks Python's codecs for encodings that expat does not know, and passes their errors on.
        raise EncodingError from None


def _is_utf8_by_another_name(content: bytes) -> bool:
    declared = _DECLARED_ENCODING.match(content)
    try:
        return declared is not None and codecs.lookup(declared[1].decode("ascii")).name == "utf-8"
    except LookupError:
        return False


_UNKNOWN_ENCODING: Final = expat.errors.codes[expat.errors.XML_ERROR_UNKNOWN_ENCODING]


def _refuse_doctype(_name: str, _system: str | None, _public: str | None, _internal: int) -> None:
    raise DoctypeError


class _SummaryReader:
    """Builds the header elements that identify the document, then removes its handlers to let expat run faster."""

    def __init__(self, related: bool) -> None:
        self.document: Element | None = None
        self._related = related
        """Whether a relatedDocument may follow recordTarget. Most documents have none, and reading ends at
        recordTarget."""
        self.root_at = 0
        self.plain = True
        """Whether there is no CDATA section, and no processing instruction after the start of the first element."""
        self._depth = 0
        self._children_at = 0
        """The depth of the children of ClinicalDocument; 0 before its start tag."""
        self._kept: list[Element] = []
        """The open elements that are kept, outermost first."""
        self._count = 0

    def watch(self, parser: expat.XMLParserType) -> None:
        """Sets the handlers of the parser."""
        self._parser = parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartCdataSectionHandler = self._not_plain

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._kept:
            self._keep(self._kept[-1], name, attributes)
        elif self._depth == self._children_at:
            if name in _KEPT and self.document is not None:
                self._keep(self.document, name, attributes)
            elif name == _COMPONENT:
                self._let_go()
        elif not self._children_at:
            self._begin(name, attributes)
        if self._depth > MAX_DEPTH:
            raise TooDeepError

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 1:
            self.root_at = self._parser.CurrentByteIndex
            self._parser.ProcessingInstructionHandler = self._instruction
        if name == _DOCUMENT and self._depth <= _WRAPPED_DEPTH:
            self.document = Element("ClinicalDocument", attributes)
            self._children_at = self._depth + 1
        elif self._depth == 1 and name != _WRAPPER:
            self._let_go()

    def _keep(self, parent: Element, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_HEADER_ELEMENTS:
            raise TooLargeError
        element = Element(name.removeprefix(_PREFIX), attributes)
        parent.children.append(element)
        self._kept.append(element)
        if name in _WITH_TEXT:
            self._parser.CharacterDataHandler = self._text

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._kept:
            self._kept.pop()
            if name in _WITH_TEXT:
                self._parser.CharacterDataHandler = None
            elif name == _RECORD_TARGET and not self._related:
                self._let_go()
        elif name == _DOCUMENT:
            self._let_go()

    def _text(self, text: str) -> None:
        element = self._kept[-1]
        if len(element.text) < MAX_TEXT:
            element.text += text[:MAX_TEXT]

    def _let_go(self) -> None:
        self._parser.StartElementHandler = None
        self._parser.EndElementHandler = None

    def forget_parser(self) -> None:
        """Breaks the reference cycle of parser and handlers, so that memory is freed without garbage collection."""
        del self._parser

    def _not_plain(self) -> None:
        self.plain = False

    def _instruction(self, _target: str, _data: str) -> None:
        self.plain = False


def _is_surely_shallow(text: bytes) -> bool:
    """Whether the counts alone prove that no element lies deeper than MAX_DEPTH.

    The text is well-formed, begins with the first element and has no CDATA section or processing instruction.
    """
    first, *rest = text.split(b"<!--")
    text = first + b"".join([part.partition(b"-->")[2] for part in rest]) if rest else first
    depth, start = 0, 0
    while start < len(text):
        # The stretch ends before a `<`, so that no tag mark is cut in two.
        fixed = start + _STRETCH
        end = text.find(b"<", fixed)
        end = len(text) if end < 0 else end
        closed = text.count(b"</", start, fixed + 1)
        tags = text.count(b"<", start, fixed)
        empty = text.count(b"/>", start, end)
        opened = tags - closed - empty
        if depth + opened > MAX_DEPTH:
            return False
        depth += opened - closed
        start = end
    # Every opened element is closed, so a depth other than zero means that the text contained a `/>`.
    return depth == 0


def _count_depth(content: bytes) -> None:
    """Counts the depth element by element. Raises TooDeepError."""
    depth = 0

    def deeper(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise TooDeepError

    def back(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def watch(parser: expat.XMLParserType) -> None:
        parser.StartElementHandler = deeper
        parser.EndElementHandler = back

    parse(new_parser(watch, content), content)
