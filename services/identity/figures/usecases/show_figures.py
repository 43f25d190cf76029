"""Reads the figures published for a span of days."""

from collections.abc import Sequence
from datetime import date

from services.identity.figures import store as figures
from services.identity.figures.domain import Figure, check_span
from shared.db.pool import Pool


async def show_figures(pool: Pool, first: date, last: date) -> Sequence[Figure]:
    """Returns the figures of the weeks that begin in the span. Raises SpanInvalidError."""
    check_span(first, last)
    async with pool.acquire() as connection:
        return await figures.load_figures(connection, first, last)
