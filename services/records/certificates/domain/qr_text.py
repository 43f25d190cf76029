"""The text of a card's QR codes: `shc:/` and two digits for each character of the JWS.

Source: SMART Health Cards Framework 1.4, "Health Cards as QR Codes". Up to 1195 characters fit in one code of version
22. Longer cards are split, which the specification deprecates, since few readers join the parts.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

LONGEST_SINGLE: Final = 1195
LONGEST_PART: Final = 1191
MOST_CODES: Final = 3
_OFFSET: Final = 45
_TEXT: Final = re.compile(r"shc:/(?:(\d)/(\d)/)?((?:\d\d)+)", re.ASCII | re.IGNORECASE)
_LARGEST_DIGITS: Final = ord("z") - _OFFSET


@dataclass(frozen=True, slots=True)
class QrText:
    """One code: a segment in byte mode, then a segment in numeric mode."""

    prefix: str
    digits: str

    def __str__(self) -> str:
        return self.prefix + self.digits


def qr_texts(card: str, most: int = MOST_CODES) -> tuple[QrText, ...]:
    """Returns the texts of the codes that show a card (compact JWS): one, or several of about the same length.

    Raises ValueError where more than `most` are needed.
    """
    if len(card) <= LONGEST_SINGLE:
        return (QrText("shc:/", _digits(card)),)
    count = ceil(len(card) / LONGEST_PART)
    if count > most:
        raise ValueError("the card is too long for QR codes")
    length = ceil(len(card) / count)
    parts = [card[start : start + length] for start in range(0, len(card), length)]
    return tuple(QrText(f"shc:/{number}/{count}/", _digits(part)) for number, part in enumerate(parts, 1))


def card_of(texts: Sequence[str]) -> str:
    """Returns the card (compact JWS) that these codes show, in any order. Raises ValueError."""
    matches = [_TEXT.fullmatch(text) for text in texts]
    parts: dict[int, str] = {}
    for match in matches:
        if match is None or int(match[2] or 1) != len(texts):
            raise ValueError("not the texts of all QR codes of one health card")
        parts[int(match[1] or 1)] = _characters(match[3])
    if sorted(parts) != list(range(1, len(texts) + 1)):
        raise ValueError("not the texts of all QR codes of one health card")
    return "".join(parts[number] for number in sorted(parts))


def _digits(text: str) -> str:
    return "".join(f"{ord(character) - _OFFSET:02d}" for character in text)


def _characters(digits: str) -> str:
    codes = [int(digits[start : start + 2]) for start in range(0, len(digits), 2)]
    if max(codes) > _LARGEST_DIGITS:
        raise ValueError("a pair of digits is no character of a JWS")
    return "".join(chr(code + _OFFSET) for code in codes)
