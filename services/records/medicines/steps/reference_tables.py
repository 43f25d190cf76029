"""The tables that are in use: medicines by their codes, and interactions, of which a process keeps those in use."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from services.records.medicines.domain.interactions import InteractionTable, TableVersion, built_in_table
from services.records.medicines.domain.medicines import KnownMedicines
from services.records.medicines.store import tables
from services.records.medicines.store.interactions import load_table
from services.records.medicines.store.medicines import find_medicines
from shared.db.pool import Connection


@dataclass(frozen=True, slots=True)
class ReferenceTables:
    """What the tables say about the codes of a request. `medicines_version`: None where no files are loaded."""

    medicines: KnownMedicines
    medicines_version: TableVersion | None
    interactions: InteractionTable


class InteractionCache:
    """Keeps the table of interactions that is in use, read once for each version."""

    def __init__(self) -> None:
        self._loaded: tuple[UUID, InteractionTable] | None = None

    async def current(self, connection: Connection) -> InteractionTable:
        """Returns the operator's table, else the built-in one."""
        in_use = await tables.load_in_use(connection, "interactions")
        if in_use is None:
            return built_in_table()
        if self._loaded is None or self._loaded[0] != in_use.id:
            self._loaded = (in_use.id, await load_table(connection, in_use))
        return self._loaded[1]


async def look_up(
    connection: Connection, cache: InteractionCache, codes: Collection[str], atc: Collection[str]
) -> ReferenceTables:
    """Returns what the tables say about medicines by their codes (CIS, CIP7, CIP13), and about ATC codes."""
    interactions = await cache.current(connection)
    in_use = await tables.load_in_use(connection, "medicines")
    if in_use is None:
        return ReferenceTables(KnownMedicines(), None, interactions)
    medicines = await find_medicines(connection, in_use.id, codes, atc)
    return ReferenceTables(medicines, TableVersion(in_use.source, in_use.dated_on), interactions)
