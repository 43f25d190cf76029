"""Publishes the figures of a past week, exactly once."""

from datetime import datetime

from services.identity.figures import store as figures
from services.identity.figures.domain import figures_to_date, settled_before, weekly_figures
from shared.db.pool import Pool, transaction


async def publish_figures(pool: Pool, now: datetime) -> bool:
    """Publishes the first past week that is unpublished. Returns whether there was one. `now` is a parameter so that
    tests can be weeks later."""
    async with transaction(pool) as connection:
        week = await figures.next_unpublished(connection, settled_before(now))
        if week is None:
            return False
        numbers = await figures.fold_week(connection, week)
        to_date = await figures.load_totals_to_date(connection, week)
        await figures.insert_figures(connection, week, [*weekly_figures(numbers), *figures_to_date(to_date)])
    return True
