"""Lines of reimbursement in the database of records: stored as the import does, and opened again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID, uuid4

from services.records.reimbursements.domain.lines import Care
from services.records.reimbursements.domain.parsing import parse_line
from services.records.reimbursements.domain.sealed_lines import open_care
from services.records.reimbursements.steps.arrivals import FillContext, LineSource
from services.records.reimbursements.steps.store_lines import store_lines
from shared.crypto.keyring import Keyring
from shared.crypto.vault import WrappedKey
from shared.db.pool import transaction
from shared.runtime import clock, tracing
from tests.infra.records.records_api import INSURANCE, RING, RecordsApi

MONTHS = 24
SELECT_STORED = """
select r.month, r.record_id, r.line_key, r.version, r.kind, r.care, k.kid, k.wrapped
from reimbursements r join record_keys k on k.bucket = r.bucket and k.record_id = r.record_id
order by r.month, r.version"""


def fill_context(api: RecordsApi, insurance: str = INSURANCE) -> FillContext:
    """Returns the context of the import into this database."""
    return FillContext(api.vault, RING, Keyring.parse(insurance), MONTHS)


def a_source() -> LineSource:
    """Returns a new source of lines."""
    return LineSource(uuid4(), clock.now(), tracing.new_trace())


async def store(
    api: RecordsApi,
    *fields: Mapping[str, str],
    source: LineSource | None = None,
    context: FillContext | None = None,
) -> Counter[str]:
    """Stores the lines of these fields as one batch. Returns the number of lines by effect."""
    lines = [parse_line(line, clock.now().date()) for line in fields]
    async with transaction(api.pool) as connection:
        return await store_lines(connection, context or fill_context(api), lines, source or a_source())


async def stored(api: RecordsApi) -> Sequence[tuple[UUID, date, int, Care | None]]:
    """Returns record, month, version and care of each line that is stored, by month and version."""
    lines = []
    for row in await api.pool.fetch(SELECT_STORED):
        data_key = api.vault.unwrap(row["record_id"], WrappedKey(row["kid"], row["wrapped"]))
        care = None
        if row["care"] is not None:
            care = open_care(data_key, row["record_id"], row["line_key"], row["version"], row["care"])
            assert care.kind == row["kind"]
        lines.append((row["record_id"], row["month"], row["version"], care))
    return lines
