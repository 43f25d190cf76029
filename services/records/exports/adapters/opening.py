"""The files that open the archive of a copy: manifest, signature, pages, FHIR Bundle. The documents follow them."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from services.records.exports.adapters.index_page import index_page
from services.records.exports.adapters.index_texts import PAGES
from services.records.exports.domain import bundle
from services.records.exports.domain.archive import ArchivedFile
from services.records.exports.domain.documents import ExportedDocument
from services.records.exports.domain.manifest import (
    MANIFEST,
    SIGNATURE,
    SIGNATURE_KIND,
    ExporterKind,
    ListedFile,
    Manifest,
)
from shared.crypto.signatures import SignatureKeys


class StreamDigest:
    """The size and the checksums of bytes that come in pieces and are not kept."""

    def __init__(self) -> None:
        self.size, self.crc, self._hash = 0, 0, hashlib.sha256()

    def add(self, piece: bytes) -> None:
        """Adds the next piece."""
        self.size, self.crc = self.size + len(piece), zlib.crc32(piece, self.crc)
        self._hash.update(piece)

    @property
    def sha256(self) -> str:
        """The SHA-256 in hexadecimal."""
        return self._hash.hexdigest()


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """Whose copy it is, for whom, and when it was made."""

    export_id: UUID
    record_id: UUID
    requester: ExporterKind
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Opening:
    """The files before the documents. `texts`: path -> content, in the order of the archive, all but the Bundle, which
    comes last and is described by `bundle`. `made_at`: the time of every file."""

    made_at: datetime
    texts: dict[str, str]
    bundle: ArchivedFile

    @property
    def files(self) -> list[ArchivedFile]:
        """The files in the order of the archive."""
        contents = {name: text.encode() for name, text in self.texts.items()}
        texts = [ArchivedFile(name, len(content), zlib.crc32(content)) for name, content in contents.items()]
        return [*texts, self.bundle]

    def encoded(self) -> bytes:
        """Returns its JSON form."""
        return orjson.dumps(
            {"made_at": self.made_at, "texts": self.texts, "bundle": (self.bundle.size, self.bundle.crc)}
        )

    @classmethod
    def decoded(cls, encoded: bytes) -> "Opening":
        """Returns the opening from its JSON form."""
        row = orjson.loads(encoded)
        return cls(datetime.fromisoformat(row["made_at"]), row["texts"], ArchivedFile(bundle.NAME, *row["bundle"]))


def make_opening(
    facts: CopyFacts, documents: Sequence[ExportedDocument], resources: StreamDigest, keys: SignatureKeys
) -> Opening:
    """Returns the opening of a copy, its manifest signed. `documents`: in the order of the archive; `resources`: the
    digest of the Bundle."""
    pages = {name: index_page(texts, documents, facts.made_at) for name, texts in PAGES.items()}
    files = (
        *(ListedFile(name=name, size=len(page), sha256=_sha256(page)) for name, page in pages.items()),
        ListedFile(name=bundle.NAME, size=resources.size, sha256=resources.sha256),
        *(ListedFile(name=document.name, size=document.size, sha256=document.sha256) for document in documents),
    )
    manifest = Manifest(
        export_id=facts.export_id,
        record_id=facts.record_id,
        requester=facts.requester,
        made_at=facts.made_at,
        documents=len(documents),
        files=files,
    ).rendered()
    texts = {
        MANIFEST: manifest.decode(),
        SIGNATURE: keys.sign_detached(manifest, SIGNATURE_KIND),
        **{name: page.decode() for name, page in pages.items()},
    }
    return Opening(facts.made_at, texts, ArchivedFile(bundle.NAME, resources.size, resources.crc))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
