"""Opens sealed measures for a reader who has a Permit."""

from collections.abc import Sequence
from uuid import UUID

from services.records.measures.domain.measures import StoredMeasure
from services.records.measures.domain.sealed_measures import open_measure
from services.records.measures.store.listing import SealedMeasure
from shared.access import Permit
from shared.crypto.vault import Vault


def open_measures(vault: Vault, _: Permit, record_id: UUID, sealed: Sequence[SealedMeasure]) -> list[StoredMeasure]:
    """Returns the measures in clear, in their order. Raises SealBrokenError."""
    if not sealed:
        return []
    data_key = vault.unwrap(record_id, sealed[0].key)
    return [_opened(data_key, record_id, each) for each in sealed]


def _opened(data_key: bytes, record_id: UUID, sealed: SealedMeasure) -> StoredMeasure:
    return StoredMeasure(
        id=sealed.id,
        version=sealed.version,
        measure=open_measure(data_key, record_id, sealed.id, sealed.version, sealed.body),
        masked=sealed.masked,
        deposited_by=sealed.deposited_by,
        recorded_at=sealed.recorded_at,
        is_current=sealed.life == "current",
    )
