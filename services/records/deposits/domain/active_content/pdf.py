"""Active content of a PDF.

Readers repair what is broken and start anywhere, so that no single reading of a file is trusted. The names of actions
are looked for in every byte, spelled with escapes or not, also where they stand in a text. What a file compresses are
object streams: whatever could be the start of one is read as a dictionary, and decompressed and searched. One that is
coded in another way than with Flate alone is refused, as is an encrypted file.

Source: ISO 32000-2, sections 7.3 (names), 7.5.7 (object streams), 7.6 (encryption), 7.11.4 (embedded files), 12.6
(actions), 12.7 (forms), 13 (multimedia).
"""

import re
import zlib
from collections.abc import Iterator
from typing import Final

from services.records.deposits.domain.active_content.errors import (
    ATTACHED_FILE,
    FORM,
    MULTIMEDIA,
    PROGRAM_START,
    PROTECTION,
    SCRIPT,
    STRANGE_PART,
    ActiveContentError,
    Finding,
    UnreadableContentError,
)

MOST_INFLATED: Final = 256 * 1024 * 1024
MOST_READ: Final = 4
"""How many times the bytes of a file may be read as dictionaries, since several may seem to begin in one place."""
_LEAST_TOKEN: Final = 16
"""Bytes that a token counts at least, however short it is."""
_CHUNK: Final = 1024 * 1024
_FED: Final = 64 * 1024
_OVERLAP: Final = 64
_DELIMITER: Final = rb"(?=[\x00\t\n\x0c\r ()<>\[\]{}/%]|\Z)"
_NAMES: Final[dict[bytes, Finding]] = {
    b"JavaScript": SCRIPT,
    b"Launch": PROGRAM_START,
    b"EmbeddedFile": ATTACHED_FILE,
    b"EmbeddedFiles": ATTACHED_FILE,
    b"GoToE": ATTACHED_FILE,
    b"SubmitForm": FORM,
    b"ImportData": FORM,
    b"XFA": FORM,
    b"RichMedia": MULTIMEDIA,
    b"Rendition": MULTIMEDIA,
    b"Movie": MULTIMEDIA,
    b"Sound": MULTIMEDIA,
}
"""Names without which nothing of that kind works."""


def _spelled(name: bytes) -> bytes:
    """Returns a pattern of a name, each character of which may be written as `#` and its code."""
    return b"".join(rb"(?:%c|#%s)" % (code, _hex(code)) for code in name)


def _hex(code: int) -> bytes:
    return b"".join(b"[%c%c]" % (d, d - 32) if d >= 97 else b"%c" % d for d in b"%02x" % code)


_ACTIVE: Final = re.compile(rb"/(" + b"|".join(_spelled(name) for name in _NAMES) + rb")" + _DELIMITER)
_ENCRYPTED: Final = re.compile(rb"/" + _spelled(b"Encrypt") + _DELIMITER)
_ESCAPE: Final = re.compile(rb"#([0-9a-fA-F]{2})")
_OBJECT: Final = re.compile(rb"(?<!end)obj")
_BEFORE_DATA: Final = re.compile(rb"[\x00\t\n\x0c\r ]*+")
"""Blanks that a reader may skip after `stream`: no zlib data begin with one (RFC 1950)."""
_SPACE: Final = rb"(?:[\x00\t\n\x0c\r ]|%[^\r\n]*[\r\n])*+"
_TOKEN: Final = re.compile(
    _SPACE + rb"(?:(?P<open><<)|(?P<close>>>)|/(?P<name>[^\x00\t\n\x0c\r ()<>\[\]{}/%]*)|(?P<string>\()"
    rb"|(?P<stream>stream\r?\n?)|<[0-9A-Fa-f\s\x00]*>|[\[\]]|(?:[^\x00\t\n\x0c\r ()<>\[\]{}/%]+[\x00\t\n\x0c\r ]*)++)"
)
_IN_STRING: Final = re.compile(rb"[()]|\\.", re.DOTALL)
_OBJECT_STREAM: Final = frozenset({b"N", b"First"})
_FLATE: Final = frozenset({b"FlateDecode", b"Fl"})
_CODED: Final = frozenset({b"Filter", b"F", b"DecodeParms", b"DP", b"Predictor"})
_OTHER_CODING: Final = frozenset(
    {
        *(b"ASCIIHexDecode", b"AHx", b"ASCII85Decode", b"A85", b"LZWDecode", b"LZW", b"RunLengthDecode", b"RL"),
        *(b"Crypt", b"Predictor", b"DecodeParms", b"DP"),
    }
)


def pdf_fault(content: bytes) -> ActiveContentError | None:
    """Returns what is active in a PDF, or why it cannot be looked into; None where there is nothing."""
    if (match := _ACTIVE.search(content)) is not None:
        return ActiveContentError.of(_finding(match))
    if _ENCRYPTED.search(content) is not None:
        return UnreadableContentError.of(PROTECTION)
    budget = _Budget(len(content))
    for names, start in _object_streams(content, budget):
        fault = _fault_of_stream(content, names, start, budget)
        if fault is not None or budget.is_spent:
            return fault or UnreadableContentError.of(STRANGE_PART)
    return UnreadableContentError.of(STRANGE_PART) if budget.is_spent else None


class _Budget:
    """What a file may cost: bytes that are decompressed, and bytes that are read as dictionaries."""

    def __init__(self, size: int) -> None:
        self.inflated_left = MOST_INFLATED
        self.read_left = MOST_READ * size + _CHUNK

    @property
    def is_spent(self) -> bool:
        """Returns whether the file costs more than it may."""
        return self.inflated_left < 0 or self.read_left < 0


def _object_streams(content: bytes, budget: _Budget) -> Iterator[tuple[frozenset[bytes], int]]:
    """Yields the names in the dictionary of each stream that may hold objects, and where its data begin.

    Every place counts at which a reader could find an object, also within data and texts.
    """
    for match in _OBJECT.finditer(content):
        dictionary = _dictionary(content, match.end(), budget)
        if budget.is_spent:
            return
        if dictionary is not None and dictionary[0] >= _OBJECT_STREAM:
            yield dictionary


def _dictionary(content: bytes, at: int, budget: _Budget) -> tuple[frozenset[bytes], int] | None:
    """Returns the names in the dictionary that begins here, at any depth, and where the data of its stream begin.

    None where no dictionary with a stream begins.
    """
    names, depth = set(), 0
    while budget.read_left >= 0 and (token := _TOKEN.match(content, at)) is not None:
        end = _after_string(content, token.end()) if token.lastgroup == "string" else token.end()
        budget.read_left -= max(end - at, _LEAST_TOKEN)
        at = end
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "name":
                names.add(_unescaped(token["name"]))
            case "stream" if not depth and names:
                return frozenset(names), at
        if depth < 0 or (not depth and token.lastgroup != "close"):
            return None
    return None


def _after_string(content: bytes, at: int) -> int:
    """Returns the place after a literal string, whose parentheses are balanced; the end of the file if it has none."""
    depth = 1
    for match in _IN_STRING.finditer(content, at):
        depth += {b"(": 1, b")": -1}.get(match[0], 0)
        if not depth:
            return match.end()
    return len(content)


def _fault_of_stream(content: bytes, names: frozenset[bytes], start: int, budget: _Budget) -> ActiveContentError | None:
    """Returns the fault of what may be an object stream, None where nothing active is in it."""
    if not names & _CODED:
        return None  # its objects stand in clear, where they were looked for
    if names & _OTHER_CODING or not names & _FLATE:
        return UnreadableContentError.of(STRANGE_PART)
    tail = b""
    for chunk in _inflated(content, start, budget):
        searched = tail + chunk
        if (match := _ACTIVE.search(searched)) is not None:
            return ActiveContentError.of(_finding(match))
        tail = searched[-_OVERLAP:]
    return None


def _inflated(content: bytes, start: int, budget: _Budget) -> Iterator[bytes]:
    """Yields the decompressed data in chunks, as far as they are sound: no reader gets further."""
    blanks = _BEFORE_DATA.match(content, start)
    inflater, at = zlib.decompressobj(), start if blanks is None else blanks.end()
    fed = content[at : at + _FED]
    try:
        while fed and not inflater.eof and not budget.is_spent:
            chunk = inflater.decompress(fed, _CHUNK)
            budget.inflated_left -= len(chunk)
            yield chunk
            if not (fed := inflater.unconsumed_tail):
                at += _FED
                fed = content[at : at + _FED]
    except zlib.error:
        return


def _finding(match: re.Match[bytes]) -> Finding:
    return _NAMES[_unescaped(match[1])]


def _unescaped(name: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), name)
