"""Keeps the months of care that are to be kept: makes partitions ahead, drops old ones, forgets old keys and files."""

from datetime import UTC, datetime, time

from services.records.reimbursements.domain.retention import oldest_day
from services.records.reimbursements.store import retention
from shared.db.pool import Pool, transaction
from shared.db.sweep import sweep


async def keep_months(pool: Pool, months: int, now: datetime) -> bool:
    """Returns whether rows may be left that are too old, after a run of some seconds."""
    async with transaction(pool) as connection:
        await retention.maintain(connection, months)
    oldest = datetime.combine(oldest_day(now.date(), months), time(), UTC)
    statements = (retention.SWEEP_KEYS, retention.SWEEP_REJECTIONS, retention.SWEEP_FILES)
    return await sweep(pool, dict.fromkeys(statements, oldest))
