"""Lines of reimbursement in the database of records: stored as the import does, and opened again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from uuid import UUID, uuid4

from services.records.app import make_importer
from services.records.reimbursements.domain.lines import Care
from services.records.reimbursements.domain.parsing import parse_line
from services.records.reimbursements.domain.sealed_lines import open_care
from services.records.reimbursements.steps.arrivals import FillContext, LineSource
from services.records.reimbursements.steps.store_lines import store_lines
from services.records.reimbursements.usecases.import_file import ReimbursementImporter
from services.records.settings import ImportSettings
from shared.crypto.vault import WrappedKey
from shared.db.pool import transaction
from shared.runtime import clock, tracing
from tests.infra.load.documents import Person
from tests.infra.platform.databases import Database
from tests.infra.records.records_api import CALLS, FILLING, INS_HMAC, INSURANCE, KEK, RecordsApi
from tests.infra.records.reimbursement_files import Fields, a_line

MONTHS = 24
RINGS = {"ins_hmac": INS_HMAC, "kek": KEK, "people_to_call": CALLS, "insurance": INSURANCE}
SELECT_STORED = """
select r.month, r.record_id, r.line_key, r.version, r.kind, r.care, k.kid, k.wrapped
from reimbursements r join record_keys k on k.bucket = r.bucket and k.record_id = r.record_id
order by r.month, r.version"""


def importer_of(database: Database) -> ReimbursementImporter:
    """Returns the importer into a database, as an operator's command makes it."""
    values = {"postgres": {"dsn": database.dsn}, "keys": RINGS}
    return make_importer(ImportSettings.model_validate(values))


def recent_line(person: Person, number: int = 1, *, days_ago: int = 40, **changed: str) -> Fields:
    """Returns the fields of a line of care some days ago."""
    day = (clock.now().date() - timedelta(days=days_ago)).isoformat()
    return a_line(person, number, **{"care_from": day, "care_to": day, **changed})


def a_source() -> LineSource:
    """Returns a new source of lines."""
    return LineSource(uuid4(), clock.now(), tracing.new_trace())


async def store(
    api: RecordsApi,
    *fields: Mapping[str, str],
    source: LineSource | None = None,
    context: FillContext = FILLING,
) -> Counter[str]:
    """Stores the lines of these fields as one batch. Returns the number of lines by effect."""
    lines = [parse_line(line, clock.now().date()) for line in fields]
    async with transaction(api.pool) as connection:
        return await store_lines(connection, context, lines, source or a_source())


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
