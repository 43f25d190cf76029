"""Revokes certificates in the transaction that takes back what they rest on.

A document that was deleted or replaced takes its certificates with it. Who may see it is another matter: a mask, an
archived document, a closed or erased record take nothing back that its author stated.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.records.revocations import store
from services.records.revocations.domain import source_of
from shared.contracts.audit import AccessRecorded
from shared.contracts.records import DocumentEvent, DocumentReplaced, DocumentWithdrawn
from shared.db.pool import Connection


def new_rid() -> str:
    """Returns the random number of a new certificate: 16 characters, 96 bits."""
    return secrets.token_urlsafe(12)


async def revoke_certificates(connection: Connection, sources: Iterable[tuple[UUID, UUID]], at: datetime) -> None:
    """Revokes the certificates that rest on any of these documents: (record, document)."""
    if chosen := list(sources):
        await store.revoke(connection, chosen, at)


async def recover_certificates(connection: Connection, accesses: Iterable[AccessRecorded]) -> None:
    """Restores on which documents certificates rest whose commits the database has lost, from what the ledger gets."""
    await store.insert_sources(connection, [source for event in accesses if (source := source_of(event)) is not None])


async def revoke_for_lost_events(connection: Connection, events: Iterable[DocumentEvent], at: datetime) -> None:
    """Revokes the certificates that rest on documents of whose deletion or replacement the database knew nothing."""
    taken_back = [event for event in events if isinstance(event, DocumentWithdrawn | DocumentReplaced)]
    await revoke_certificates(connection, [(event.record_id, event.document_id) for event in taken_back], at)
