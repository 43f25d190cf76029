"""Names of substances, in the form in which they are compared."""

import re
import unicodedata
from typing import Final

_OTHER: Final = re.compile(r"[^A-Z0-9]+")
_BRACKETED: Final = re.compile(r"\(([^)]*)\)")
_SALT: Final = re.compile(r"([^(]+)\(([^)]*\b(?:de|d['’]))\s*\)", re.IGNORECASE)
_NO_SUBSTANCE: Final = frozenset({"SODIUM"})
"""What stands before a bracket and is no substance by itself: `SODIUM (VALPROATE DE)`."""
_LIGATURES: Final = str.maketrans({"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss"})
_SHORTEST: Final = 3
_LONGEST: Final = 300


def normalised_name(name: str) -> str:
    """Returns a name in capital letters and digits, without accents, its words with single blanks between them."""
    decomposed = unicodedata.normalize("NFKD", name[:_LONGEST].translate(_LIGATURES))
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _OTHER.sub(" ", letters.upper()).strip()


def names_of_substance(name: str) -> frozenset[str]:
    """Returns the forms in which tables may name a substance: whole, without its salt in brackets, before and after it.

    `CODÉINE (PHOSPHATE DE) HÉMIHYDRATÉ` is also CODEINE HEMIHYDRATE, CODEINE and PHOSPHATE DE CODEINE.
    """
    salt = _SALT.match(name[:_LONGEST])
    written = (name, _BRACKETED.sub(" ", name), name.partition("(")[0], f"{salt[2]} {salt[1]}" if salt else "")
    forms = {form for text in written if len(form := normalised_name(text)) >= _SHORTEST}
    return frozenset(forms - _NO_SUBSTANCE)


def has_words(text: str, words: str) -> bool:
    """Whether normalised words stand in a normalised text, as whole words."""
    return f" {words} " in f" {text} "
