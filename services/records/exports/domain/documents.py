"""A document in a copy: its place in the archive, the digests of its bytes, and what the index says of it."""

import hashlib
import zlib
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Final
from uuid import UUID

from services.records.documents.domain.extensions import file_extension
from services.records.documents.domain.metadata import DocumentMetadata, served_type
from services.records.exports.domain.archive import ArchivedFile
from services.records.facts.domain.documents import DocumentSummary
from services.records.facts.domain.facts import lifecycle_status
from shared.fhir.contents import is_html

FOLDER: Final = "documents"
_AS_TEXT: Final = "txt"


@dataclass(frozen=True, slots=True)
class ExportedDocument:
    """A document in a copy. `name`: its path in the archive. `size`, `crc`, `sha256`: of its bytes.

    `care_on`: the day of care (ISO 8601). `status`: published, archived or superseded. `authors`: names, or national
    ids where the document names nobody.
    """

    id: UUID
    record_id: UUID
    name: str
    size: int
    crc: int
    sha256: str
    title: str
    type: str
    section: str
    care_on: str
    status: str
    authors: tuple[str, ...]

    @property
    def file(self) -> ArchivedFile:
        """Its file in the archive."""
        return ArchivedFile(self.name, self.size, self.crc)

    def encoded(self) -> dict[str, Any]:
        """Returns its JSON form."""
        members = {name: getattr(self, name) for name in _MEMBERS}
        return {**members, "id": str(self.id), "record_id": str(self.record_id)}

    @classmethod
    def decoded(cls, row: dict[str, Any]) -> "ExportedDocument":
        """Returns the document from its JSON form."""
        ids = {name: UUID(row[name]) for name in ("id", "record_id")}
        return cls(**{**row, **ids, "authors": tuple(row["authors"])})


_MEMBERS: Final = tuple(member.name for member in fields(ExportedDocument))


def exported_document(
    summary: DocumentSummary, metadata: DocumentMetadata, care_on: date, content: bytes
) -> ExportedDocument:
    """Returns a document of a copy; its content is hashed, not kept."""
    return ExportedDocument(
        id=summary.id,
        record_id=summary.record_id,
        name=f"{FOLDER}/{care_on.isoformat()}-{summary.id}.{extension_of(metadata.content_type, content)}",
        size=len(content),
        crc=zlib.crc32(content),
        sha256=hashlib.sha256(content).hexdigest(),
        title=metadata.title,
        type=summary.type,
        section=summary.section,
        care_on=care_on.isoformat(),
        status=lifecycle_status(summary.status, summary.life, archived=summary.archived),
        authors=_authors(metadata),
    )


def extension_of(content_type: str, content: bytes) -> str:
    """Returns the extension of a document's file. A page of HTML gets that of text: a browser must not run it."""
    if is_html(content):
        return _AS_TEXT
    return file_extension(served_type(content_type, content))


def _authors(metadata: DocumentMetadata) -> tuple[str, ...]:
    named = ((author.name or author.professional, author.organisation_name) for author in metadata.authors)
    texts = (", ".join(part for part in parts if part) for parts in named)
    return tuple(dict.fromkeys(text for text in texts if text))
