"""Publishes the figures of a week that is over: once, and never again."""

from datetime import datetime

from services.identity.domain.figures import figures_to_date, settled_before, weekly_figures
from services.identity.store import figures
from shared.db.pool import Pool, transaction


async def publish_figures(pool: Pool, now: datetime) -> bool:
    """The first week that is over and not published; whether there was one. `now` is given, so that a test can be weeks
    later."""
    async with transaction(pool) as connection:
        week = await figures.next_unpublished(connection, settled_before(now))
        if week is None:
            return False
        numbers = await figures.fold_week(connection, week)
        to_date = await figures.load_totals_to_date(connection, week)
        await figures.insert_figures(connection, week, [*weekly_figures(numbers), *figures_to_date(to_date)])
    return True
