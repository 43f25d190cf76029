"""Shows what was published of a span of days."""

from collections.abc import Sequence
from datetime import date

from services.identity.domain.figures import Figure, check_span
from services.identity.store import figures
from shared.db.pool import Pool


async def show_figures(pool: Pool, first: date, last: date) -> Sequence[Figure]:
    """Of the weeks that begin in it. Raises SpanInvalidError."""
    check_span(first, last)
    async with pool.acquire() as connection:
        return await figures.load_figures(connection, first, last)
