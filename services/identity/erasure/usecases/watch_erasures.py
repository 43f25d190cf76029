"""Raises an alarm for erasures that some service has not acknowledged in time."""

from datetime import datetime, timedelta

from prometheus_client import Gauge

from services.identity.erasure import store as erasures
from services.identity.erasure.domain import ErasureRules
from shared.db.pool import Pool
from shared.runtime.logs import log

OVERDUE = Gauge("identity_erasures_overdue", "Erasures that a service has not acknowledged in time.")


async def watch_erasures(pool: Pool, rules: ErasureRules, now: datetime) -> int:
    """Returns how many are overdue; sets the metric, and logs if there are any."""
    async with pool.acquire() as connection:
        count = await erasures.count_overdue(connection, now - timedelta(seconds=rules.acknowledgement_s))
    OVERDUE.set(count)
    if count:
        log("erasure.overdue", count=count)
    return count
