"""Formats and parses codes that people read and type.

A code is Crockford's base32 in three groups of four; the last character is a check character (Luhn modulo 32).
"""

from typing import Final

from shared.errors import InvalidError
from shared.human_text import compact_code

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CODE_LENGTH, GROUP_LENGTH = 12, 4
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})


class ActivationCodeMalformedError(InvalidError):
    """An activation code has three groups of four letters and digits, such as 7K2M-9XQ4-1CVB: a character was
    mistyped."""

    code = "activation-code-malformed"
    french = (
        "Un code d’activation compte trois groupes de quatre lettres et chiffres, comme 7K2M-9XQ4-1CVB : une erreur de "
        "frappe s’y est glissée."
    )


def grouped_code(code: str) -> str:
    """Returns the code in groups of four with hyphens, as printed in a letter."""
    return "-".join(code[start : start + GROUP_LENGTH] for start in range(0, CODE_LENGTH, GROUP_LENGTH))


def parse_code(text: str) -> str:
    """Returns the canonical form of a typed code: case, blanks, hyphens and look-alike characters are ignored.

    Raises ActivationCodeMalformedError when a character is missing, not in the alphabet, or mistyped.
    """
    code = compact_code(text).upper().translate(_LOOKALIKES)
    if len(code) != CODE_LENGTH or not set(code) <= set(ALPHABET) or check_character(code[:-1]) != code[-1]:
        raise ActivationCodeMalformedError
    return code


def check_character(data: str) -> str:
    """Returns the check character (Luhn modulo 32).

    It detects every single mistyped character and nearly every swap of two neighbours.
    """
    total = 0
    for place, character in enumerate(reversed(data)):
        value = ALPHABET.index(character) * (1 if place % 2 else 2)
        total += value // len(ALPHABET) + value % len(ALPHABET)
    return ALPHABET[-total % len(ALPHABET)]
