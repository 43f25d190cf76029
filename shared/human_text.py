"""Text as people type, paste and print it: cleaned in one place, so that what nobody can see makes no difference."""

import re
import unicodedata
from typing import Final

_INVISIBLE: Final = re.compile(
    # Soft hyphen, combining grapheme joiner, Mongolian vowel separator, zero-width and directional marks, invisible
    # operators, byte order mark, variation selectors, interlinear annotations, tags (Unicode: default ignorable).
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e0fff]"
)
_BLANKS: Final = re.compile(r"\s+")
_PUNCTUATION_OF_CODES: Final = re.compile(r"[\s.\-‐-―−]+")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROLS_OF_LINES: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def has_control_character(text: str, *, has_lines: bool = False) -> bool:
    """Returns whether the text holds a control character (C0, DEL or C1); tab, line feed and carriage return do not
    count with `has_lines`."""
    return (_CONTROLS_OF_LINES if has_lines else _CONTROLS).search(text) is not None


def without_invisible(text: str) -> str:
    """Returns the text without the characters that nobody sees (Unicode: default ignorable code points)."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def clean_line(text: str) -> str:
    """Returns one line in NFC: without invisible characters, with single spaces for blanks of any kind and none at the
    ends."""
    if text.isascii():
        return " ".join(text.split())
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", without_invisible(text))).strip()


def compact_code(text: str) -> str:
    """Returns a code or number without blanks, dots, hyphens and invisible characters, in NFKC, so that digits of any
    script and width are ASCII ones where Unicode says so."""
    return _PUNCTUATION_OF_CODES.sub("", unicodedata.normalize("NFKC", without_invisible(text)))
