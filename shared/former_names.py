"""The normal form of names in release 0.1, under which fingerprints of traits may still be stored.

A record's fingerprints are renewed when identity announces the record again; until then a name with an invisible
character, a letter with a stroke or a Polynesian apostrophe is stored under this form.
"""

import re
import unicodedata
from typing import Final

_LETTERS: Final = str.maketrans({"Œ": "OE", "Æ": "AE", "Ø": "O", "Ł": "L", "Đ": "D", "Ð": "D", "Þ": "TH", "ẞ": "SS"})
_SEPARATORS: Final = re.compile(r"[\s'’‘ʼ´`′ʹ＇\-‐‑‒–—―−_]+")


def former_normal_form(name: str) -> str:
    """Returns the name as release 0.1 normalised it."""
    upper = unicodedata.normalize("NFKD", name).upper().translate(_LETTERS)
    plain = "".join([letter for letter in unicodedata.normalize("NFKD", upper) if not unicodedata.combining(letter)])
    return _SEPARATORS.sub(" ", plain).strip()
