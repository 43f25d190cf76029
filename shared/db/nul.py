"""The character that no text of PostgreSQL can hold, as JSON writes it."""

import re

_ESCAPE = b"\\u0000"
_ESCAPED = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def has_escaped_nul(body: bytes) -> bool:
    """Whether a JSON text holds a NUL. Nearly none holds even the letters, which are found forty times faster."""
    return _ESCAPE in body and _ESCAPED.search(body) is not None
