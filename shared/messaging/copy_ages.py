"""Measures the age of each copied topic, and logs watermarks that lie in the future."""

import asyncio

from shared.db.pool import Pool
from shared.messaging.freshness import HEARTBEAT_AHEAD
from shared.runtime.logs import log
from shared.runtime.metrics import COPY_AGE

# A watermark further ahead than clocks may differ is reported even if another partition is older.
SELECT_AGES = """
select topic,
       extract(epoch from clock_timestamp() - case when max(at) > clock_timestamp() + $1::interval
                                                   then max(at) else min(at) end)::float8 as age
from copy_watermarks group by topic order by topic"""
LOG_EVERY_S = 60.0


class CopyAges:
    """Sets the gauge `copy_age_seconds`, and logs `copy.ahead` at most once a minute for each topic."""

    def __init__(self) -> None:
        self._logged: dict[str, float] = {}

    async def observe(self, pool: Pool) -> None:
        """Sets the age of each topic's oldest partition in seconds; negative when a watermark lies in the future."""
        for row in await pool.fetch(SELECT_AGES, HEARTBEAT_AHEAD):
            COPY_AGE.labels(row["topic"]).set(row["age"])
            if row["age"] < 0:
                self._log_ahead(row["topic"], -row["age"])

    def _log_ahead(self, topic: str, seconds: float) -> None:
        moment = asyncio.get_running_loop().time()
        if moment - self._logged.get(topic, -LOG_EVERY_S) >= LOG_EVERY_S:
            self._logged[topic] = moment
            log("copy.ahead", topic=topic, seconds=seconds)
