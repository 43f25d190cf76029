"""Active content of Word documents: macros, embedded objects, linked templates, fields that run or fetch something.

Sources: MS-CFB 2.6.1 (directory entries), MS-OVBA 2.2 (storages of macros), MS-DOC 2.8.25 (fields), ISO/IEC 29500-1 and
-2 (parts, relationships, fields of DOCX). A DOCX is taken with the parts of a text and its pictures alone.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from services.records.deposits.domain.active_content.errors import (
    ATTACHED_FILE,
    LINKED_CONTENT,
    MACRO,
    PROGRAM_START,
    PROTECTION,
    SCRIPT,
    STRANGE_PART,
    ActiveContentError,
    Finding,
    UnreadableContentError,
)
from shared.cda.errors import InvalidCdaError
from shared.cda.xml import new_parser, parse
from shared.xdm.archive import Archive, read_archive
from shared.xdm.errors import EncryptedArchiveError, InvalidArchiveError

MOST_UNPACKED: Final = 200 * 1024 * 1024
_ENTRY: Final = 128
"""Bytes of a directory entry of a compound file, and its alignment."""
_NO_CHILD: Final = 0xFFFFFFFF
_STORAGES: Final = {
    "Macros": MACRO,
    "_VBA_PROJECT": MACRO,
    "_VBA_PROJECT_CUR": MACRO,
    "VBA": MACRO,
    "\x01Ole10Native": ATTACHED_FILE,
    "Package": ATTACHED_FILE,
    "EncryptedPackage": PROTECTION,
}
_OBJECT_POOL: Final = "ObjectPool"
"""Word makes it in every document; what is embedded lies in it."""
_DDE: Final = re.compile(rb"\x13[\s\"]*D\x00?D\x00?E", re.IGNORECASE)
_FETCH: Final = re.compile(r"\b(?:INCLUDEPICTURE|INCLUDETEXT|LINK|IMPORT|DATABASE|RD)\b", re.IGNORECASE)
_RUN: Final = re.compile(r"\bDDE(?:AUTO)?\b", re.IGNORECASE)
_PARTS: Final = frozenset(
    {"xml", "rels", "png", "jpg", "jpeg", "gif", "bmp", "tif", "tiff", "emf", "wmf", "wdp", "svg", "odttf", "jfif"}
)
"""The endings of what a text and its pictures consist of."""
_ACTIVE_PLACES: Final = re.compile(r"(?:^|/)(?:embeddings|activex|attachedtoolbars|vbaproject|vbadata)", re.IGNORECASE)
_ACTIVE_TYPES: Final = re.compile(r"macroenabled|vbaproject|activex|oleobject|^control$|^package$", re.IGNORECASE)
_FOLLOWED: Final = "/hyperlink"
"""The end of the one type of relationship that may lead out of the document: a link that the reader follows."""


def doc_fault(content: bytes) -> ActiveContentError | None:
    """Returns what is active in a Word document of the old format, None where nothing was found."""
    for name, has_children in _storages(content):
        if (finding := _STORAGES.get(name)) is not None:
            return ActiveContentError.of(finding)
        if name == _OBJECT_POOL and has_children:
            return ActiveContentError.of(ATTACHED_FILE)
    return ActiveContentError.of(PROGRAM_START) if _DDE.search(content) is not None else None


def _storages(content: bytes) -> Iterator[tuple[str, bool]]:
    """Yields the name of whatever may be a directory entry of the compound file, and whether it has children."""
    for name in (*_STORAGES, _OBJECT_POOL):
        encoded = name.encode("utf-16-le") + b"\0\0"
        at = content.find(encoded)
        while at >= 0:
            is_entry = at % _ENTRY == 0 and at + _ENTRY <= len(content)
            if is_entry and struct.unpack_from("<H", content, at + 64)[0] == len(encoded):
                yield name, struct.unpack_from("<I", content, at + 76)[0] != _NO_CHILD
            at = content.find(encoded, at + 1)


def docx_fault(content: bytes) -> ActiveContentError | None:
    """Returns what is active in a DOCX, or why it cannot be looked into; None where there is nothing."""
    try:
        archive = read_archive(content, MOST_UNPACKED)
        finding = next(_findings(archive), None)
    except EncryptedArchiveError:
        return UnreadableContentError.of(PROTECTION)
    except (InvalidArchiveError, InvalidCdaError):
        return UnreadableContentError.of(STRANGE_PART)
    return None if finding is None else ActiveContentError.of(finding)


def _findings(archive: Archive) -> Iterator[Finding]:
    """Yields what is active in the parts of the archive. Raises InvalidArchiveError, InvalidCdaError."""
    for entry in archive.entries.values():
        ending = entry.name.rpartition(".")[2].lower()
        if _ACTIVE_PLACES.search(entry.name) is not None:
            yield MACRO if "vba" in entry.name.lower() else ATTACHED_FILE
        elif ending not in _PARTS:
            yield STRANGE_PART
        elif ending in ("xml", "rels", "svg"):
            yield from _findings_in_xml(archive.read(entry), is_picture=ending == "svg")


def _findings_in_xml(part: bytes, *, is_picture: bool) -> Iterator[Finding]:
    watched = _Watched()
    parse(new_parser(watched.watch, part), part)
    if is_picture and watched.has_script:
        yield SCRIPT
    if watched.has_active_type:
        yield MACRO
    if watched.leads_out:
        yield LINKED_CONTENT
    instructions = "".join(watched.instructions)
    if _RUN.search(instructions) is not None:
        yield PROGRAM_START
    if _FETCH.search(instructions) is not None:
        yield LINKED_CONTENT


def _runs(attribute: str, value: str) -> bool:
    """Returns whether an attribute of a picture holds a script."""
    is_handler = attribute.rpartition(" ")[2].lower().startswith("on")
    return is_handler or value.lstrip().lower().startswith("javascript:")


@dataclass
class _Watched:
    """What one part of a DOCX holds of what matters here."""

    has_script: bool = False
    has_active_type: bool = False
    leads_out: bool = False
    instructions: list[str] = field(default_factory=list)
    _in_instruction: bool = False

    def watch(self, parser: expat.XMLParserType) -> None:
        """Sets the handlers of the parser."""
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        match local:
            case "script" | "foreignObject":
                self.has_script = True
            case "Override" | "Default":
                self.has_active_type |= _ACTIVE_TYPES.search(attributes.get("ContentType", "")) is not None
            case "Relationship":
                self._relate(attributes)
            case "altChunk" | "subDoc":
                self.leads_out = True
            case "instrText":
                self._in_instruction = True
            case "fldSimple":
                self.instructions += [value for key, value in attributes.items() if key.endswith("instr")]
        self.has_script |= any(_runs(key, value) for key, value in attributes.items())

    def _relate(self, attributes: dict[str, str]) -> None:
        kind = attributes.get("Type", "")
        is_outside = attributes.get("TargetMode", "").lower() == "external"
        self.leads_out |= is_outside and not kind.endswith(_FOLLOWED)
        self.has_active_type |= _ACTIVE_TYPES.search(kind.rpartition("/")[2]) is not None

    def _end(self, name: str) -> None:
        if name.rpartition(" ")[2] == "instrText":
            self._in_instruction = False

    def _text(self, text: str) -> None:
        if self._in_instruction:
            self.instructions.append(text)
