"""How much each organisation has in quarantine, as this process knows it: counting many rows at each refusal costs."""

from dataclasses import replace
from typing import Final

from services.records.quarantine.domain.rules import Holding

MEASURED_FOR_S: Final = 5.0
"""Seconds for which a count is used. What other processes keep and what is removed is noticed afterwards."""


class Holdings:
    """The last count of each organisation, with what was kept since."""

    def __init__(self) -> None:
        self._measured: dict[str, tuple[float, Holding]] = {}

    def get(self, organisation_id: str, now: float) -> Holding | None:
        """Returns the holding of an organisation; None where it is to be counted. `now`: a monotonic clock, seconds."""
        measured_at, holding = self._measured.get(organisation_id, (0.0, None))
        return holding if now - measured_at < MEASURED_FOR_S else None

    def put(self, organisation_id: str, holding: Holding, now: float) -> None:
        """Notes a count."""
        self._measured[organisation_id] = (now, holding)

    def add(self, organisation_id: str, size: int | None) -> None:
        """Adds a row to the last count. `size`: that of its body, None where it has none."""
        measured_at, holding = self._measured[organisation_id]
        bodies = holding.bodies + (size is not None)
        added = replace(holding, rows=holding.rows + 1, bodies=bodies, bytes=holding.bytes + (size or 0))
        self._measured[organisation_id] = (measured_at, added)
