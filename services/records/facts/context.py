"""The context of use cases that read."""

from dataclasses import dataclass
from datetime import timedelta

from services.records.copies.store.matrices import MatrixCache
from services.records.facts.domain.rules import STRICTEST, Parameters
from shared.crypto.vault import Vault
from shared.db.pool import Pool


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a use case that reads needs. `max_copy_age`: with older copies, only the holder may still read."""

    pool: Pool
    vault: Vault
    matrices: MatrixCache
    max_copy_age: timedelta
    parameters: Parameters = STRICTEST
