"""Writes XML elements as text: equal arguments give equal text."""

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML 1.0 cannot hold."""


def text(content: str) -> str:
    """Returns the content as character data."""
    return escape(_FORBIDDEN.sub("", content))


def tag(name: str, *children: str, **attributes: str) -> str:
    """Returns an element. `children`: text that is XML already; an attribute `type_` is written `xsi:type`."""
    written = "".join(f" {_attribute(key)}={quoteattr(_FORBIDDEN.sub('', value))}" for key, value in attributes.items())
    content = "".join(children)
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def templates(*roots: str) -> str:
    """Returns the elements that say to which models the parent conforms."""
    return "".join(tag("templateId", root=root) for root in roots)


def _attribute(key: str) -> str:
    return "xsi:type" if key == "type_" else key
