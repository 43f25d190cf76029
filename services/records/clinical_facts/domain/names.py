"""Names of CDA elements as the tree has them, and the text of elements within bounds."""

from itertools import islice
from typing import Final
from xml.etree.ElementTree import Element

from shared.cda.body import CDA

PHARM: Final = "{urn:ihe:pharm:medication}"
"""What stands before the names of IHE Pharmacy, which has its own elements within those of CDA."""

XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
MOST_TRANSLATIONS: Final = 20
_LONGEST: Final = 2000
"""Characters kept of a text."""
_MOST_NODES: Final = 500
"""Elements read for one text."""
_BLANK: Final = frozenset({"", "-", "--", "—", "–", "/", "."})


def tag(name: str) -> str:
    """Returns the name of a CDA element as the tree has it."""
    return f"{CDA}{name}"


CODE, TEXT, VALUE, TRANSLATION = tag("code"), tag("text"), tag("value"), tag("translation")
LOW, HIGH, ORIGINAL_TEXT, REFERENCE = tag("low"), tag("high"), tag("originalText"), tag("reference")
QUALIFIER, NAME = tag("qualifier"), tag("name")
_BLOCKS: Final = frozenset(
    map(tag, ("td", "th", "tr", "br", "item", "paragraph", "caption", "list", "table", "thead", "tbody"))
)


def clean(text: str | None) -> str | None:
    """Returns a text with one blank for each run of blanks, cut at 2,000 characters; None for nothing or a dash."""
    if not text:
        return None
    line = " ".join(text[: 4 * _LONGEST].split())[:_LONGEST].rstrip()
    return None if line in _BLANK else line


def all_text(element: Element) -> str | None:
    """Returns the text of an element and of what is in it, cleaned; cells and lines are set apart by a blank."""
    if not len(element):
        return clean(element.text)
    pieces: list[str] = []
    length, nodes = 0, 0
    waiting: list[Element | str] = [element]
    while waiting and length < 4 * _LONGEST and nodes < _MOST_NODES:
        node = waiting.pop()
        if isinstance(node, str):
            pieces.append(node)
            length += len(node)
            continue
        nodes += 1
        for child in reversed(list(islice(node, _MOST_NODES))):
            if child.tail:
                waiting.append(child.tail)
            waiting.append(child)
        waiting.append((" " if node.tag in _BLOCKS else "") + (node.text or ""))
    return clean("".join(pieces))
