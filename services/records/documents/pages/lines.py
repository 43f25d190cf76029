"""What a page shows of a document, from its codes and its opened metadata."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from services.records.documents.domain.metadata import DocumentMetadata, StoredAuthor, care_day
from services.records.facts.domain.documents import DocumentSummary
from shared.access.facts import PATIENT_SIDE
from shared.terminology.documents import document_types
from shared.terminology.visibility import Visibility

_TAGS: Final = (
    (Visibility.MASKED.value, "documents.tag-masked"),
    (Visibility.INVISIBLE_TO_REPRESENTATIVES.value, "documents.tag-hidden"),
)


@dataclass(frozen=True, slots=True)
class DocumentLine:
    """A document in a list. `authors`: who wrote it, in words; empty where no name is known. `tags`: keys of texts."""

    id: UUID
    title: str
    type: str
    care_on: date
    authors: tuple[str, ...]
    is_own: bool
    tags: tuple[str, ...]


def document_line(summary: DocumentSummary, metadata: DocumentMetadata, since: datetime | None = None) -> DocumentLine:
    """Returns what a list shows of the document; `since`: what came after it is new to the reader."""
    tags = [key for label, key in _TAGS if label in summary.labels]
    if since is not None and summary.received_at > since:
        tags.insert(0, "documents.tag-new")
    return DocumentLine(
        id=summary.id,
        title=metadata.title,
        type=document_types()[summary.type].label,
        care_on=care_day(metadata),
        authors=tuple(text for author in metadata.authors if (text := _author(author))),
        is_own=summary.deposited_by in PATIENT_SIDE,
        tags=tuple(tags),
    )


def _author(author: StoredAuthor) -> str:
    return ", ".join(part for part in (author.name, author.organisation_name) if part)
