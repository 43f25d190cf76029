"""Seals what is prepared of a copy under its record's data key: parts with documents and their FHIR resources, and the
files that open the archive. The contents of the documents stay where they are.
"""

import sys
from collections.abc import Iterable
from typing import Final
from uuid import UUID

import orjson

from services.records.exports.domain.documents import ExportedDocument
from shared.crypto.keyring import seal, unseal
from shared.crypto.vault import place

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_LEVEL: Final = 1
OPENING: Final = "export-opening"
"""The kind of place of the files that open the archive."""


def documents_place(number: int) -> str:
    """Returns the kind of place of the documents of a part."""
    return f"export-documents-{number}"


def resources_place(number: int) -> str:
    """Returns the kind of place of the FHIR resources of a part."""
    return f"export-resources-{number}"


def seal_piece(key: bytes, export_id: UUID, kind: str, plain: bytes) -> bytes:
    """Returns bytes of a copy, compressed and sealed. `kind`: of the place."""
    return seal(key, zstd.compress(plain, _LEVEL), place(kind, export_id))


def open_piece(key: bytes, export_id: UUID, kind: str, sealed: bytes) -> bytes:
    """Returns the bytes of `seal_piece`. Raises SealBrokenError."""
    return zstd.decompress(unseal(key, sealed, place(kind, export_id)))


def encode_documents(documents: Iterable[ExportedDocument]) -> bytes:
    """Returns documents of a copy as JSON."""
    return orjson.dumps([document.encoded() for document in documents])


def decode_documents(encoded: bytes) -> list[ExportedDocument]:
    """Returns the documents of `encode_documents`."""
    return [ExportedDocument.decoded(row) for row in orjson.loads(encoded)]
