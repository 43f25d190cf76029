"""Reads the facts of published documents, once for each version of the extractor.

What cannot be read is a result like any other: the document is unreadable, and says why. A content that was altered, or
that the extractor fails on, holds up no other document.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from services.records.clinical_facts.adapters.extractor_messages import ExtractionReply
from services.records.clinical_facts.context import ExtractionContext
from services.records.clinical_facts.domain import sealed_blocks
from services.records.clinical_facts.domain.codec import decode_block, encode_block
from services.records.clinical_facts.domain.extraction_permit import ExtractionPermit
from services.records.clinical_facts.domain.identity import HolderIdentity, identity_fault
from services.records.clinical_facts.domain.model import EXTRACTOR_VERSION
from services.records.clinical_facts.domain.swaps import FactSwap
from services.records.clinical_facts.store import extraction as store
from services.records.clinical_facts.store.extraction import ContentToRead, ReadFacts
from services.records.documents.domain import sealed_contents
from services.records.documents.domain.metadata import DocumentMetadata
from services.records.facts.domain.documents import StoredFactsState
from services.records.kit.metrics import EXTRACTIONS
from shared.contracts.records import DocumentPublished
from shared.crypto.keyring import KeyUnknownError, SealBrokenError
from shared.db.pool import Connection
from shared.fhir.contents import is_xml
from shared.messaging.envelope import Message
from shared.values import Ins

_PERMIT: Final = ExtractionPermit()
_REIMBURSEMENTS: Final = "REMB"
"""The section of reimbursements, which say what was paid and not what was found."""


class _Outcome(NamedTuple):
    state: StoredFactsState
    reason: str | None = None


async def extract_published(
    context: ExtractionContext, connection: Connection, messages: list[Message[DocumentPublished]]
) -> None:
    """Reads the facts of these documents; those that were read, or wait to be read again, are left out."""
    ids = sorted({message.event.document_id for message in messages})
    documents = await store.load_unread(connection, _PERMIT, ids)
    await _extract(context, connection, documents, swaps=False)


async def extract_outdated(context: ExtractionContext, connection: Connection, limit: int) -> int:
    """Reads up to `limit` documents again that an older extractor read, and those of older releases. Returns how many.

    What was read before is replaced whole.
    """
    documents = await store.load_outdated(connection, _PERMIT, EXTRACTOR_VERSION, limit)
    await _extract(context, connection, documents, swaps=True)
    return len(documents)


async def _extract(
    context: ExtractionContext, connection: Connection, documents: Sequence[ContentToRead], *, swaps: bool
) -> None:
    """Reads all documents, and then writes: records' rows are locked no longer than writing takes."""
    if documents:
        facts = [await _read(context, document) for document in documents]
        if swaps:
            await context.on_swap(connection, await _swaps(context, connection, facts))
        await store.store_facts(connection, EXTRACTOR_VERSION, facts, swaps=swaps)
        for read in facts:
            EXTRACTIONS.labels(read.state).inc()


async def _swaps(context: ExtractionContext, connection: Connection, facts: Sequence[ReadFacts]) -> list[FactSwap]:
    """Returns what was read before of these documents, and what is read now."""
    blocks = await store.load_summary_blocks(connection, _PERMIT, [read.document for read in facts])
    swaps = []
    for document, block in ((read.document, read.blocks["summary"]) for read in facts if read.document.id in blocks):
        key = context.vault.unwrap(document.record_id, document.key)
        before, after = (
            decode_block(sealed_blocks.open_block(key, document.id, "summary", sealed)).facts
            for sealed in (blocks[document.id], block)
        )
        swaps.append(FactSwap(document.record_id, document.id, before, after))
    return swaps


async def _read(context: ExtractionContext, document: ContentToRead) -> ReadFacts:
    """Returns the facts of a document, sealed. Raises KeyUnknownError while a key is missing here."""
    key = context.vault.unwrap(document.record_id, document.key)
    try:
        outcome, blocks = await _read_opened(context, key, document)
    except KeyUnknownError:
        raise
    except SealBrokenError:
        outcome, blocks = _Outcome("unreadable", "content-damaged"), {}
    sealed = {
        group: sealed_blocks.seal_block(key, document.id, group, block)
        for group, block in {"summary": encode_block(()), **blocks}.items()
    }
    return ReadFacts(document, outcome.state, outcome.reason, sealed)


async def _read_opened(
    context: ExtractionContext, key: bytes, document: ContentToRead
) -> tuple[_Outcome, dict[str, bytes]]:
    metadata = sealed_contents.open_metadata(key, document.id, document.metadata)
    if document.life == "deleted":
        return _Outcome("none"), {}
    if document.section == _REIMBURSEMENTS:
        return _Outcome("none", "reimbursements"), {}
    if not is_xml(metadata.content_type):
        return _Outcome("none", "not-structured"), {}
    if document.content is None:
        return _Outcome("unreadable", "too-large"), {}
    content = sealed_contents.open_content(key, document.id, document.content)
    reply = await context.extractor.extract(document.id, metadata.content_type, content)
    return _checked(context, document, metadata, reply)


def _checked(
    context: ExtractionContext, document: ContentToRead, metadata: DocumentMetadata, reply: ExtractionReply
) -> tuple[_Outcome, dict[str, bytes]]:
    """Returns what was read, unless the document is about somebody else."""
    has_header = bool(reply.ins or reply.traits)
    if reply.outcome == "unreadable" or (reply.outcome == "none" and not has_header):
        return _Outcome(reply.outcome, reply.reason), {}
    deposited = Ins(metadata.ins, (metadata.ins_system or "").removeprefix("urn:oid:")) if metadata.ins else None
    is_first = document.state in (None, "unreadable")
    holder = HolderIdentity(document.record_id, deposited, document.ins, document.traits if is_first else None)
    fault = identity_fault(context.ins_hmac, holder, reply.ins, reply.traits)
    if fault is not None:
        return _Outcome("unreadable", fault), {}
    return _Outcome(reply.outcome, reply.reason), {**reply.blocks}
