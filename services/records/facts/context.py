"""The context of use cases that read, and how routes take it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from services.records.copies.store.matrices import MatrixCache
from services.records.facts.domain.rules import FactsRules
from shared.crypto.vault import Vault
from shared.db.pool import Pool
from shared.http.dependencies import provided


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a use case that reads needs."""

    pool: Pool
    vault: Vault
    matrices: MatrixCache
    rules: FactsRules


InjectedReadContext = Annotated[ReadContext, Depends(provided(ReadContext))]
"""A route's parameter: the context that `app.py` built."""
