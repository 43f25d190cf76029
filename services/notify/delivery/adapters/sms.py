"""Counts the parts of an SMS (3GPP TS 23.038, section 6.2, and TS 23.040, section 9.2.3.24.1)."""

import math
from dataclasses import dataclass
from typing import Final, Literal

GSM_ALPHABET: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The GSM 7-bit default alphabet; a text with any other character goes out in UCS-2."""
_LENGTHS: Final[dict[Literal["GSM-7", "UCS-2"], tuple[int, int]]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}
"""Characters of an SMS that is whole, and of each part of a longer one."""


@dataclass(frozen=True, slots=True)
class SmsParts:
    """How an SMS is sent: in which alphabet, with how many characters (UTF-16 units in UCS-2), in how many parts."""

    alphabet: Literal["GSM-7", "UCS-2"]
    length: int
    count: int


def sms_parts(text: str) -> SmsParts:
    """Returns how this text is sent."""
    alphabet: Literal["GSM-7", "UCS-2"] = "GSM-7" if GSM_ALPHABET.issuperset(text) else "UCS-2"
    length = len(text) if alphabet == "GSM-7" else len(text.encode("utf-16-le")) // 2
    whole, part = _LENGTHS[alphabet]
    return SmsParts(alphabet, length, 1 if length <= whole else math.ceil(length / part))
