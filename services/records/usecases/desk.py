"""What every use case that reads needs: pool, keys, matrices, how old a copy may be, national parameters."""

from dataclasses import dataclass
from datetime import timedelta

from services.records.domain.parameters import STRICTEST, Parameters
from services.records.store.matrices import Matrices
from shared.crypto.vault import Vault
from shared.db.pool import Pool


@dataclass(frozen=True, slots=True)
class Desk:
    """`limit`: the age of a copy beyond which reads by others are refused."""

    pool: Pool
    vault: Vault
    matrices: Matrices
    limit: timedelta
    parameters: Parameters = STRICTEST
