"""Opens acknowledged warnings for a reader who has a Permit: those of documents that this reader may see."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from services.records.facts.context import ReadContext
from services.records.warnings.domain.acknowledgements import StoredAcknowledgement, open_acknowledgement
from services.records.warnings.steps.record_reading import DecidedRecord
from services.records.warnings.store.acknowledgements import load_acknowledgements
from shared.access import Permit
from shared.db.pool import Connection

MOST_SHOWN: Final = 500
"""Acknowledgements of a record that are opened, the newest ones."""


async def open_acknowledged(
    connection: Connection, context: ReadContext, permit: Permit, decided: DecidedRecord
) -> list[StoredAcknowledgement]:
    """Returns the acknowledgements, newest first. One that rests on a document that is not among those that the reader
    may see, for whatever reason, is not shown."""
    documents = {document.id for document in decided.documents}
    shown: list[StoredAcknowledgement] = []
    for record_id in _records(decided):
        shown += await _open(connection, context, permit, record_id, documents)
    return sorted(shown, key=lambda each: each.id, reverse=True)


def _records(decided: DecidedRecord) -> Iterable[UUID]:
    return (
        search.record.id
        for search in decided.searches
        if search.record.id is not None and isinstance(search.decision, Permit)
    )


async def _open(
    connection: Connection, context: ReadContext, permit: Permit, record_id: UUID, documents: set[UUID]
) -> list[StoredAcknowledgement]:
    wrapped, sealed = await load_acknowledgements(connection, permit, record_id, MOST_SHOWN)
    if wrapped is None:
        return []
    key = context.vault.unwrap(record_id, wrapped)
    return [
        StoredAcknowledgement(
            each.id, record_id, each.document_id, each.acknowledged_at, open_acknowledgement(key, each.id, each.body)
        )
        for each in sealed
        if each.document_id is None or each.document_id in documents
    ]
