"""Fills the day of care of documents that came before it stood in clear.

A walk over all documents, page after page, each in a transaction with its position; afterwards the queue of those that
a process of the former release inserted meanwhile. It can be interrupted at any point.
"""

from dataclasses import replace
from datetime import date
from typing import Final

from services.records.documents.domain.metadata import care_day
from services.records.documents.domain.sealed_contents import open_metadata
from services.records.documents.store import care_days as store
from services.records.documents.store.care_days import UndatedDocument
from services.records.kit.threads import in_thread_if_large
from shared.crypto.vault import Vault
from shared.db.pool import Connection, Pool, transaction

PAGE: Final = 200
_AS_BYTES: Final = 10_000


async def fill_care_days(pool: Pool, vault: Vault) -> bool:
    """Fills a page. Returns whether more may be left for this process."""
    async with transaction(pool) as connection:
        await connection.execute("set local lock_timeout = '100ms'")
        position = await store.lock_position(connection)
        if position is None:
            return False
        if position.is_finished:
            documents = await store.take_missing(connection, PAGE)
            if documents is None:
                return False
        else:
            documents = await store.load_page(connection, position, PAGE)
            if documents:
                last = documents[-1]
                position = replace(position, bucket=last.bucket, document_id=last.id)
            await store.store_position(connection, replace(position, is_finished=not documents))
        await _fill(connection, vault, documents)
    return True


async def _fill(connection: Connection, vault: Vault, documents: list[UndatedDocument]) -> None:
    missing = [document for document in documents if document.is_missing]
    days = await in_thread_if_large(len(missing) * _AS_BYTES, _days_of, vault, missing)
    if days:
        await store.store_days(connection, days)


def _days_of(vault: Vault, documents: list[UndatedDocument]) -> list[tuple[UndatedDocument, date]]:
    """Returns the days of the documents whose metadata can be opened; an erased record's key is gone."""
    days = []
    for document in documents:
        if document.metadata is not None and document.key is not None:
            key = vault.unwrap(document.record_id, document.key)
            days.append((document, care_day(open_metadata(key, document.id, document.metadata))))
    return days
