"""Finds the version of the sheet that a doctor's next version replaces."""

from uuid import UUID

from services.records.documents.domain import sealed_contents
from services.records.documents.store import contents
from services.records.facts.context import ReadContext
from services.records.summary.domain.signatures import SignedVersion
from services.records.summary.domain.signing_requests import PreviousVersion
from shared.access import Permit
from shared.db.pool import Connection


async def load_previous(
    connection: Connection, context: ReadContext, permit: Permit, version: SignedVersion | None
) -> PreviousVersion | None:
    """Returns the doctor's current version; None before the first one."""
    if version is None:
        return None
    sealed = await contents.read_metadata(connection, permit, version.record_id, version.document_id)
    key = context.vault.unwrap(version.record_id, sealed.key)
    metadata = sealed_contents.open_metadata(key, version.document_id, sealed.metadata)
    return PreviousVersion(version.block.version, UUID(metadata.unique_id))
