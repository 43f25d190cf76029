"""Prepares copies of records: a loop of the process `extract`, which gives way to live requests, takes one that is due
and goes on with it, part after part.

Each part is decided, announced and committed before its contents are read, and stored in a transaction that notes the
position, so that a copy goes on where it was after any interruption. What was read but not stored is decided, announced
and read again. The contents are not copied: a part has what the archive needs besides them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from services.records.exports import store
from services.records.exports.adapters.opening import CopyFacts, StreamDigest, make_opening
from services.records.exports.context import ExportContext
from services.records.exports.domain import bundle
from services.records.exports.domain.archive import archive_size
from services.records.exports.domain.exports import GIVEN_UP, KEPT, UNREADABLE, Export, ExportUnknownError
from services.records.exports.domain.sealed_parts import (
    OPENING,
    documents_place,
    encode_documents,
    resources_place,
    seal_piece,
)
from services.records.exports.steps.document_pages import decide_page, read_page
from services.records.exports.steps.sealed_copies import bundle_pieces, load_documents, load_key
from services.records.kit.metrics import EXPORTS
from shared.crypto.keyring import KeyUnknownError, SealBrokenError
from shared.db.pool import Pool, transaction
from shared.errors import UncheckableError
from shared.runtime import clock
from shared.runtime.logs import log

POLL_S: Final = 0.5
ROUND_S: Final = 5.0
HELD_FOR: Final = timedelta(seconds=30)
"""Longer than a part takes. A copy that a crash left is taken again after it."""
WAIT: Final = timedelta(seconds=30)
"""Until a copy goes on whose rights cannot be checked now."""
MOST_ATTEMPTS: Final = 5
"""After so many attempts without a further part a copy is given up."""


@dataclass(frozen=True, slots=True)
class PrepareExports:
    """The loop. `context_of`: makes the context for the pool of its process."""

    context_of: Callable[[Pool], ExportContext]
    _made: dict[Pool, ExportContext] = field(default_factory=dict)

    async def run_once(self, pool: Pool) -> None:
        """Takes the copy that has been due longest and goes on with it for some seconds; waits where none is due."""
        context = self._made.get(pool) or self._made.setdefault(pool, self.context_of(pool))
        if not await prepare_next(context):
            await asyncio.sleep(POLL_S)


async def prepare_next(context: ExportContext) -> bool:
    """Goes on with one copy, for a limited time. Returns whether one was due."""
    async with context.read.pool.acquire() as connection:
        export = await store.take_due(connection, clock.now(), clock.now() + HELD_FOR)
    if export is None:
        return False
    try:
        if export.attempts > MOST_ATTEMPTS:
            await _fail(context, export, GIVEN_UP)
        else:
            await _go_on(context, export)
    except UncheckableError:
        await _postpone(context, export, WAIT)
    except ExportUnknownError:  # it was deleted, or its record was erased
        return True
    except KeyUnknownError:
        raise
    except SealBrokenError:
        await _fail(context, export, UNREADABLE)
    return True


async def _go_on(context: ExportContext, export: Export) -> None:
    deadline = asyncio.get_running_loop().time() + ROUND_S
    current: Export | None = export
    while current is not None:
        if asyncio.get_running_loop().time() > deadline:
            await _postpone(context, current, timedelta())
            return
        current = await _prepare_part(context, current)


async def _prepare_part(context: ExportContext, export: Export) -> Export | None:
    """Prepares the next part, or what opens the archive behind the last one. Returns the copy where it goes on."""
    page = await decide_page(context.read, export)
    if page.refusal is not None:
        if page.refusal.retry:
            raise UncheckableError
        EXPORTS.labels("refused").inc()
        return None
    if not page.summaries:
        await _finish(context, export)
        return None
    read, key = await read_page(context.read, page), await load_key(context.read, export)
    documents = [each.document for each in read]
    entries = bundle.bundle_entries((each.document.id, each.resource) for each in read)
    number = export.parts
    part = store.SealedPart(
        number,
        tuple(document.id for document in documents),
        seal_piece(key, export.id, documents_place(number), encode_documents(documents)),
        seal_piece(key, export.id, resources_place(number), entries),
    )
    async with transaction(context.read.pool) as connection:
        held_until = clock.now() + HELD_FOR
        return await store.store_part(connection, export, part, page.summaries[-1].id, page.total, held_until)


async def _finish(context: ExportContext, export: Export) -> None:
    """Makes the manifest and the pages, and with them the copy ready."""
    key, made_at = await load_key(context.read, export), clock.now().replace(microsecond=0)
    documents = [document for part in await load_documents(context.read, export, key) for document in part]
    digest = StreamDigest()
    async for piece in bundle_pieces(context.read, export, key, made_at):
        digest.add(piece)
    facts = CopyFacts(export.id, export.record_id, export.requester_kind, made_at)
    opening = await asyncio.to_thread(make_opening, facts, documents, digest, context.keys)
    size = archive_size([*opening.files, *(document.file for document in documents)], made_at)
    sealed = seal_piece(key, export.id, OPENING, opening.encoded())
    async with context.read.pool.acquire() as connection:
        await store.finish(connection, export, sealed, size, clock.now() + KEPT)
    EXPORTS.labels("ready").inc()


async def _postpone(context: ExportContext, export: Export, wait: timedelta) -> None:
    async with context.read.pool.acquire() as connection:
        await store.postpone(connection, export.id, clock.now() + wait)


async def _fail(context: ExportContext, export: Export, failure: str) -> None:
    async with context.read.pool.acquire() as connection:
        await store.fail(connection, export.id, failure)
    EXPORTS.labels("failed").inc()
    log("export.failed", code=failure)
