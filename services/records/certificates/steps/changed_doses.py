"""Revokes certificates where a document is read again and no longer states a dose as it was certified."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final
from uuid import UUID

from services.records.certificates.domain.certifiable import Lifetime, certifiable_doses
from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.swaps import FactSwap
from services.records.revocations.steps import revoke_certificates
from shared.db.pool import Connection
from shared.runtime import clock

_EVER: Final = Lifetime(date.min, date.max)


async def revoke_changed_doses(connection: Connection, swaps: Sequence[FactSwap]) -> None:
    """Revokes every certificate that rests on a document of which a dose is read otherwise or not any more."""
    changed = [
        (swap.record_id, swap.document_id)
        for swap in swaps
        if not _certified(swap.document_id, swap.before) <= _certified(swap.document_id, swap.after)
    ]
    await revoke_certificates(connection, changed, clock.now())


def _certified(document_id: UUID, facts: Iterable[ClinicalFact]) -> set[tuple[object, ...]]:
    """Returns what a certificate states of each dose."""
    doses = certifiable_doses(document_id, facts, _EVER)
    return {(dose.codes, dose.day, dose.lot, dose.performer) for dose in doses}
