"""Gives out a prepared copy: decided again as a whole, and again before each part is read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from uuid import UUID

from services.records.copies.store.reads import read_locked
from services.records.documents.domain import sealed_contents
from services.records.documents.store import contents
from services.records.exports import store
from services.records.exports.adapters.opening import Opening
from services.records.exports.context import ExportContext
from services.records.exports.domain.archive import directory, local_header
from services.records.exports.domain.documents import ExportedDocument
from services.records.exports.domain.exports import Export, ExportOutdatedError, ExportUnknownError
from services.records.exports.domain.sealed_parts import OPENING, open_piece
from services.records.exports.steps.decisions import announce_export, caller_of, count_permitted, decide_export
from services.records.exports.steps.document_pages import grouped
from services.records.exports.steps.own_export import decide_own_export, end_refused, require_own
from services.records.exports.steps.sealed_copies import bundle_pieces, load_documents, load_key
from services.records.facts.domain.decisions import require_permit
from services.records.kit.held_records import retry_while_locked
from services.records.kit.metrics import EXPORTS
from shared.access import Permit, Refusal
from shared.db.pool import Connection
from shared.http.tokens import Caller

CHUNK = 256 * 1024
Turn = Callable[[], AbstractAsyncContextManager[None]]
"""Waits for a turn to work for a caller, and holds it."""


@dataclass(frozen=True, slots=True)
class Download:
    """A copy to be given out. `size`: bytes of the archive; `parts`: the documents of each part, in its order."""

    export: Export
    size: int
    key: bytes
    opening: Opening
    parts: Sequence[Sequence[ExportedDocument]]


async def open_download(context: ExportContext, caller: Caller, record_id: UUID) -> Download:
    """Returns the caller's copy of a record, to be given out by `stream`.

    Raises ExportUnknownError, ExportUnfinishedError, ExportFailedError, ExportOutdatedError (a document of it may not
    be read any more), NotFoundError, ForbiddenError, UncheckableError.
    """
    export = await _decide(context, caller, record_id)
    key = await load_key(context.read, export)
    async with context.read.pool.acquire() as connection:
        sealed = await store.load_opening(connection, export.id)
    if sealed is None or export.size is None:
        raise ExportUnknownError
    opening = Opening.decoded(open_piece(key, export.id, OPENING, sealed))
    return Download(export, export.size, key, opening, await load_documents(context.read, export, key))


@retry_while_locked
async def _decide(context: ExportContext, caller: Caller, record_id: UUID) -> Export:
    """Decides on the copy and on each document in it, and announces the access."""
    async with context.read.pool.acquire() as connection, read_locked(connection):
        decided, own = await decide_own_export(connection, context.read, caller, record_id)
        if isinstance(decided.decision, Permit):
            export = require_own(own)
            export.check_ready()
            ids = await store.list_document_ids(connection, export)
            if await count_permitted(connection, decided, ids) < len(ids):
                raise ExportOutdatedError
            await announce_export(connection, decided)
    require_permit(decided.decision)
    return require_own(own)


async def stream(context: ExportContext, download: Download, turn: Turn) -> AsyncIterator[bytes]:
    """Yields the archive piece by piece; each part of it is read in a turn of its own.

    Raises the errors of `open_download` where the caller's right to a document ends meanwhile: the archive stays
    incomplete then.
    """
    opening, made_at = download.opening, download.opening.made_at
    contents_by_name = {name: text.encode() for name, text in opening.texts.items()}
    for file in opening.files[:-1]:
        yield local_header(file, made_at) + contents_by_name[file.name]
    yield local_header(opening.bundle, made_at)
    async for piece in bundle_pieces(context.read, download.export, download.key, made_at):
        yield piece
    for documents in download.parts:
        permit = await _decide_part(context, download.export, [document.id for document in documents])
        for group in grouped([(document, document.size) for document in documents]):
            async with turn():
                pieces = await _read_group(context, permit, group)
            for document, content in zip(group, pieces, strict=True):
                yield local_header(document.file, made_at)
                for start in range(0, len(content), CHUNK):
                    yield content[start : start + CHUNK]
    files = [*opening.files, *(document.file for part in download.parts for document in part)]
    yield directory(files, made_at)
    EXPORTS.labels("fetched").inc()


@retry_while_locked
async def _decide_part(context: ExportContext, export: Export, ids: Sequence[UUID]) -> Permit:
    """Decides again on the documents of a part, each of which was announced when it was read for the copy."""
    async with context.read.pool.acquire() as connection, read_locked(connection):
        caller = caller_of(export)
        decided = await decide_export(connection, context.read, caller, export.record_id, export.records)
        if isinstance(decided.decision, Refusal):
            await end_refused(connection, decided, export)
        elif await count_permitted(connection, decided, ids) < len(ids):
            raise ExportOutdatedError
    return require_permit(decided.decision)


async def _read_group(context: ExportContext, permit: Permit, group: Sequence[ExportedDocument]) -> list[bytes]:
    """Returns the contents of some documents, in their order."""
    read: dict[UUID, bytes] = {}
    async with context.read.pool.acquire() as connection:
        for record_id in sorted({document.record_id for document in group}):
            read |= await _read_of_record(context, connection, permit, record_id, group)
    pieces = [read[document.id] for document in group if document.id in read]
    if [len(piece) for piece in pieces] != [document.size for document in group]:
        raise ExportUnknownError
    return pieces


async def _read_of_record(
    context: ExportContext, connection: Connection, permit: Permit, record_id: UUID, group: Sequence[ExportedDocument]
) -> dict[UUID, bytes]:
    wrapped = await store.load_key(connection, record_id)
    if wrapped is None:
        raise ExportUnknownError
    key = context.read.vault.unwrap(record_id, wrapped)
    ids = [document.id for document in group if document.record_id == record_id]
    sealed = await contents.list_contents(connection, permit, record_id, ids)
    return await asyncio.to_thread(
        lambda: {id: sealed_contents.open_content(key, id, content) for id, content in sealed.items()}
    )
