"""Acknowledged warnings in a record, written without a prescription."""

from collections.abc import Iterable
from uuid import UUID

from services.records.warnings.domain.acknowledgements import WarningAcknowledgement, seal_acknowledgement
from services.records.warnings.store.acknowledgements import SealedAcknowledgement
from services.records.warnings.store.acknowledgements import insert_acknowledgements as insert
from shared.crypto.vault import WrappedKey
from shared.db.pool import transaction
from shared.runtime import clock
from shared.runtime.clock import bucket_of
from tests.infra.platform.databases import fetch_row
from tests.infra.records.records_api import OTHER_DOCTOR, RecordsApi


async def insert_acknowledgements(api: RecordsApi, record: UUID, documents: Iterable[UUID]) -> None:
    """Acknowledges a warning that rests on each of these documents, and names it."""
    row = await fetch_row(api.pool, "select kid, wrapped from record_keys where record_id = $1", record)
    key = api.vault.unwrap(record, WrappedKey(row["kid"], row["wrapped"]))
    moment = clock.now()
    sealed = []
    for document in documents:
        id = clock.new_id(bucket_of(record))
        content = WarningAcknowledgement(
            warning_id=document,
            group=document,
            kind="allergy",
            rule="allergy-substance",
            rule_version="1",
            item="Amoxicilline",
            other=str(document),
            reason="Tolérée depuis des années",
            professional_id=OTHER_DOCTOR,
        )
        sealed.append(SealedAcknowledgement(id, document, moment, seal_acknowledgement(key, id, content)))
    async with transaction(api.pool) as connection:
        await insert(connection, record, moment, sealed)
