"""Paths of pages: which requests are answered in HTML, and which targets of a redirect are our own."""

from typing import Final
from urllib.parse import urlsplit

from shared.contracts.page_paths import PAGE_PATHS

FIRST_SEGMENTS: Final = frozenset(page.segments[0] for page in PAGE_PATHS if page.segments)
"""The first segments of the paths of pages; the APIs use none of them."""
LONGEST_PATH: Final = 2000


def is_page_path(path: str) -> bool:
    """Returns whether people see this path in a browser, so that its errors are pages."""
    return path == "/" or path.removeprefix("/").partition("/")[0] in FIRST_SEGMENTS


def own_path(text: str, default: str = "/") -> str:
    """Returns the text if it is the path of a page here, with its query; else `default`.

    Browsers read backslashes as slashes and drop control characters, so either could lead to another host.
    """
    if not text.startswith("/") or text.startswith("//") or len(text) > LONGEST_PATH:
        return default
    if "\\" in text or any(ord(character) <= 0x20 or ord(character) >= 0x7F for character in text):
        return default
    parts = urlsplit(text)
    is_own = not parts.scheme and not parts.netloc and is_page_path(parts.path) and "/../" not in f"{parts.path}/"
    return text if is_own else default
