"""What of a document's content can be read on its page."""

import base64
from dataclasses import dataclass, field
from typing import Final, Literal

from services.records.documents.domain.metadata import DocumentMetadata
from shared.cda.errors import InvalidCdaError
from shared.cda.narrative import read_narrative
from shared.fhir.contents import is_xml, media_type

LARGEST_SHOWN: Final = 4 * 1024 * 1024
"""Larger contents are only saved as files."""
IMAGES: Final = frozenset({"image/png", "image/jpeg"})
PDF: Final = "application/pdf"
Manner = Literal["narrative", "text", "image", "pdf", "wrapped-pdf", "file"]


@dataclass(frozen=True, slots=True)
class ShownContent:
    """How the page shows the content. `html`: the safe narrative; `text`: plain text; `source`: of an image."""

    manner: Manner
    html: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    source: str = field(default="", repr=False)


def is_shown(metadata: DocumentMetadata) -> bool:
    """Returns whether the page shows the content itself: a CDA, a text or an image, not a PDF."""
    kind = media_type(metadata.content_type)
    return metadata.size <= LARGEST_SHOWN and (is_xml(kind) or kind in IMAGES or kind == "text/plain")


def shown_content(metadata: DocumentMetadata, content: bytes | None) -> ShownContent:
    """Returns how the page shows the content; `content` is None where `is_shown` is false."""
    kind = media_type(metadata.content_type)
    if content is None:
        return ShownContent("pdf" if kind == PDF else "file")
    if kind in IMAGES:
        return ShownContent("image", source=f"data:{kind};base64,{base64.b64encode(content).decode()}")
    if kind == "text/plain":
        return ShownContent("text", text=content.decode("utf-8", "replace"))
    return _narrative(content)


def _narrative(content: bytes) -> ShownContent:
    try:
        narrative = read_narrative(content)
    except InvalidCdaError:
        return ShownContent("file")
    attachment = narrative.attachment
    if attachment is None:
        return ShownContent("narrative", html=narrative.html) if narrative.html else ShownContent("file")
    if attachment.media_type.partition(";")[0] == PDF:
        return ShownContent("wrapped-pdf")
    if attachment.media_type.startswith("text/plain"):
        return ShownContent("text", text=attachment.content.decode("utf-8", "replace"))
    return ShownContent("file")
