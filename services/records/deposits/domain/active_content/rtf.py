"""Active content of an RTF text: embedded and linked objects, remote templates, fields that fetch or run something.

Source: Rich Text Format Specification 1.9.1, sections on objects, fields and document formatting (`\\template`).
"""

import re
from typing import Final

from services.records.deposits.domain.active_content.errors import (
    ATTACHED_FILE,
    LINKED_CONTENT,
    PROGRAM_START,
    STRANGE_PART,
    ActiveContentError,
    UnreadableContentError,
)

_OBJECTS: Final = re.compile(rb"\\(?:object|objdata|objemb|objlink|objautlink|objocx|objhtml|objupdate)(?![a-z])", re.I)
_TEMPLATE: Final = re.compile(rb"\\(?:template|dptxbxtext|subdocument)(?![a-z])", re.I)
_FIELD: Final = re.compile(rb"\\fldinst(?![a-z])", re.I)
_CONTROL: Final = re.compile(rb"\\'[0-9a-fA-F]{2}|\\[a-zA-Z]+-?\d* ?|\\.|[{}\r\n]", re.DOTALL)
_RUNNING: Final = re.compile(rb"\bDDE(?:AUTO)?\b", re.I)
_FETCHING: Final = re.compile(rb"\b(?:INCLUDEPICTURE|INCLUDETEXT|INCLUDE|IMPORT|LINK|RD|DATABASE)\b", re.I)
MOST_READ: Final = 2
"""How many times the bytes of a file may be read as fields, since fields stand in fields."""
MOST_OF_A_FIELD: Final = 4096
"""Bytes of a field in which its instruction is looked for."""


def rtf_fault(content: bytes) -> ActiveContentError | None:
    """Returns what is active in an RTF text, None where there is nothing."""
    if _OBJECTS.search(content) is not None:
        return ActiveContentError.of(ATTACHED_FILE)
    if _TEMPLATE.search(content) is not None:
        return ActiveContentError.of(LINKED_CONTENT)
    read_left = MOST_READ * len(content) + MOST_OF_A_FIELD
    for match in _FIELD.finditer(content):
        instruction, end = _instruction(content, match.end())
        read_left -= end - match.end()
        if read_left < 0:
            return UnreadableContentError.of(STRANGE_PART)
        if _RUNNING.search(instruction) is not None:
            return ActiveContentError.of(PROGRAM_START)
        if _FETCHING.search(instruction) is not None:
            return ActiveContentError.of(LINKED_CONTENT)
    return None


def _instruction(content: bytes, start: int) -> tuple[bytes, int]:
    """Returns the text of a field's instruction without its formatting, and the end of its group."""
    depth = 1
    text = []
    at, end = start, min(start + MOST_OF_A_FIELD, len(content))
    for control in _CONTROL.finditer(content, start, end):
        text.append(content[at : control.start()])
        at = control.end()
        depth += {b"{": 1, b"}": -1}.get(control[0], 0)
        if not depth:
            break
        if control[0].startswith(b"\\'"):
            text.append(bytes([int(control[0][2:], 16)]))
    else:
        text.append(content[at:end])
        at = end
    return b"".join(text), at
