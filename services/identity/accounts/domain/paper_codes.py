"""Ten single-use codes on paper: a second factor that needs neither a mobile nor a mail.

A code has eight digits, so that a guess at ten valid ones succeeds less often than one at a sent code of six.
"""

import secrets
from typing import Final
from uuid import UUID

COUNT: Final = 10
DIGITS: Final = 8


def new_paper_codes() -> tuple[str, ...]:
    """Returns ten different codes of eight random digits."""
    codes: dict[str, None] = {}
    while len(codes) < COUNT:
        codes[f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"] = None
    return tuple(codes)


def is_paper_code(code: str) -> bool:
    """Returns whether a typed code has the form of one on paper."""
    return len(code) == DIGITS and code.isascii() and code.isdigit()


def paper_code_parts(record_id: UUID, code: str) -> tuple[str, str, str]:
    """Returns the parts that make the keyed hash of a code."""
    return "paper-code", str(record_id), code
