"""Invented documents of a copy, archives of them, and copies that are asked for, prepared and fetched."""

import io
import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx2

from services.records.copies.store.matrices import MatrixCache
from services.records.exports.adapters.opening import CopyFacts, StreamDigest, make_opening
from services.records.exports.adapters.verification import verify_archive
from services.records.exports.context import ExportContext
from services.records.exports.domain import bundle
from services.records.exports.domain.archive import ArchivedFile, directory, local_header
from services.records.exports.domain.documents import FOLDER, ExportedDocument
from services.records.exports.domain.manifest import Manifest
from services.records.exports.usecases.prepare_exports import prepare_next
from services.records.facts.context import ReadContext
from services.records.facts.domain.rules import FactsRules
from shared.crypto.keyring import Keyring
from shared.crypto.signatures import SignatureKeys
from shared.crypto.vault import Vault
from shared.db.pool import Pool
from tests.infra.http.tokens import bearer
from tests.infra.records.records_api import KEK, SIGNATURES, RecordsApi

KEYS = SignatureKeys.parse(SIGNATURES)
PUBLISHED = {"keys": KEYS.public_jwks()}
MADE_AT = datetime(2026, 11, 30, 9, 15, 42, tzinfo=UTC)
FACTS = CopyFacts(UUID(int=1), UUID(int=2), "patient", MADE_AT)


def a_document(number: int, content: bytes = b"", **changed: object) -> ExportedDocument:
    """Returns an invented document of a copy."""
    digest = StreamDigest()
    digest.add(content)
    values: dict[str, object] = {
        "id": UUID(int=number),
        "record_id": FACTS.record_id,
        "name": f"{FOLDER}/{number}.txt",
        "size": digest.size,
        "crc": digest.crc,
        "sha256": digest.sha256,
        "title": f"Consultation {number}",
        "type": "11488-4",
        "section": "CPT_REND",
        "care_on": "2026-10-01",
        "status": "published",
        "authors": ("Dr Camille INVENTÉE",),
    }
    return ExportedDocument(**{**values, **changed})  # type: ignore[arg-type]  # values by name


def an_archive(*contents: bytes, keys: SignatureKeys = KEYS, facts: CopyFacts = FACTS) -> bytes:
    """Returns an archive of documents with these contents, put together as a download puts it."""
    documents = [a_document(number, content) for number, content in enumerate(contents, 1)]
    fhir = whole_bundle(documents)
    digest = StreamDigest()
    digest.add(fhir)
    opening = make_opening(facts, documents, digest, keys)
    bodies = [*(text.encode() for text in opening.texts.values()), fhir, *contents]
    return archived([*opening.files, *(document.file for document in documents)], bodies)


def archived(files: Sequence[ArchivedFile], bodies: Sequence[bytes]) -> bytes:
    """Returns an archive of files with these bodies."""
    pieces = [local_header(file, MADE_AT) + body for file, body in zip(files, bodies, strict=True)]
    return b"".join([*pieces, directory(files, MADE_AT)])


def file_of(name: str, body: bytes) -> ArchivedFile:
    """Returns the description of a file."""
    return ArchivedFile(name, len(body), zlib.crc32(body))


def whole_bundle(documents: Sequence[ExportedDocument]) -> bytes:
    """Returns the Bundle, with a stand-in for each resource."""
    resources = ((document.id, json.dumps({"id": str(document.id)}).encode()) for document in documents)
    entries = bundle.bundle_entries(resources)
    has_entries = bool(documents)
    head = bundle.bundle_head(FACTS.export_id, MADE_AT, has_entries=has_entries)
    return head + entries + bundle.bundle_tail(has_entries=has_entries)


def problems(
    archive: bytes, published: object = PUBLISHED, note: Callable[[Manifest], None] = lambda _: None
) -> list[str]:
    """Returns what is wrong with an archive."""
    return list(verify_archive(io.BytesIO(archive), published, note))


def context_of(pool: Pool) -> ExportContext:
    """Returns what the use cases of copies need, with this pool and the keys of tests."""
    vault = Vault(Keyring.parse(KEK))
    return ExportContext(ReadContext(pool, vault, MatrixCache(), FactsRules(timedelta(seconds=120))), KEYS)


@dataclass(frozen=True)
class Copies:
    """Copies of one record, as a caller asks for them and as the worker prepares them."""

    api: RecordsApi
    record_id: UUID
    token: str

    @property
    def path(self) -> str:
        """The path of the caller's copy."""
        return f"/records/{self.record_id}/export"

    async def send(self, method: str, path: str = "") -> httpx2.Response:
        """Sends a request about the copy."""
        return await self.api.client.request(method, f"{self.path}{path}", headers=bearer(self.token))

    async def begin(self) -> None:
        """Begins a copy."""
        answer = await self.send("POST")
        assert answer.status_code == 202, answer.text

    async def prepare(self) -> None:
        """Does the work of the worker until nothing is due."""
        context = context_of(self.api.pool)
        while await prepare_next(context):
            pass

    async def fetch(self) -> bytes:
        """Begins, prepares and fetches a copy; returns the archive, once it was verified."""
        await self.begin()
        await self.prepare()
        answer = await self.send("GET", "/file")
        assert answer.status_code == 200, answer.text
        published = (await self.api.client.get("/.well-known/export-keys.json")).json()
        assert problems(answer.content, published) == []
        return answer.content
