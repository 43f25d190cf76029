"""Counts of life events of records, without a reference to a person, and the published figures."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from services.identity.figures.domain import Figure, FigureCell, LifeEvent, week_of
from shared.db.pool import Connection

INSERT_LIFE_EVENTS = """
insert into life_events (week, kind, region, channel, number)
select * from unnest($1::date[], $2::text[], $3::text[], $4::text[], $5::bigint[])"""


async def count_life_event(connection: Connection, kind: LifeEvent, channel: str, region: str, at: datetime) -> None:
    """Counts one opening, activation, objection or closure, in the transaction of the act. Nothing refers to the
    person."""
    await count_life_events(connection, kind, {(channel, region): 1}, at)


async def count_life_events(
    connection: Connection, kind: LifeEvent, numbers: Mapping[tuple[str, str], int], at: datetime
) -> None:
    """Counts many events of one kind. `numbers`: by channel and region."""
    if numbers:
        week, count = week_of(at), len(numbers)
        channels, regions = [channel for channel, _ in numbers], [region for _, region in numbers]
        await connection.execute(
            INSERT_LIFE_EVENTS, [week] * count, [kind] * count, regions, channels, list(numbers.values())
        )


LOCK_PUBLISHING = "select pg_advisory_xact_lock(hashtextextended('identity.publish-figures', 0))"
SELECT_UNPUBLISHED = """
select distinct week from life_events
where week < $1 and not exists (select from published_figures where published_figures.week = life_events.week)
order by week limit 1"""


async def next_unpublished(connection: Connection, before: date) -> date | None:
    """Returns the first unpublished week before this day, or None. Locks out other publishers."""
    await connection.execute(LOCK_PUBLISHING)
    week: date | None = await connection.fetchval(SELECT_UNPUBLISHED, before)
    return week


FOLD_WEEK = """
with folded as (delete from life_events where week = $1 returning kind, region, channel, number)
insert into life_events (week, kind, region, channel, number)
select $1, kind, region, channel, sum(number) from folded group by kind, region, channel
returning kind, region, channel, number"""


async def fold_week(connection: Connection, week: date) -> dict[FigureCell, int]:
    """Replaces the rows of a past week by one row for each kind, region and channel, so that their order is lost.
    Returns the numbers."""
    rows = await connection.fetch(FOLD_WEEK, week)
    return {FigureCell(row["kind"], row["region"], row["channel"]): row["number"] for row in rows}


INSERT_FIGURES = """
insert into published_figures (week, kind, region, channel, figure)
select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::text[])"""


async def insert_figures(connection: Connection, week: date, figures: Iterable[tuple[FigureCell, str]]) -> None:
    """Inserts the figures of a week, once."""
    rows = list(figures)
    kinds, regions, channels = ([getattr(cell, name) for cell, _ in rows] for name in ("kind", "region", "channel"))
    await connection.execute(INSERT_FIGURES, week, kinds, regions, channels, [figure for _, figure in rows])


SELECT_TO_DATE = """
select kind, sum(number)::bigint as number from life_events where week <= $1 group by kind"""


async def load_totals_to_date(connection: Connection, week: date) -> dict[str, int]:
    """Returns the number of each kind until the end of a week."""
    return {row["kind"]: row["number"] for row in await connection.fetch(SELECT_TO_DATE, week)}


SELECT_FIGURES = """
select week, kind, region, channel, figure from published_figures
where week between $1 and $2 order by week, kind, region, channel"""


async def load_figures(connection: Connection, first: date, last: date) -> Sequence[Figure]:
    """Returns the published figures of these weeks."""
    rows = await connection.fetch(SELECT_FIGURES, first, last)
    return [Figure(row["week"], FigureCell(row["kind"], row["region"], row["channel"]), row["figure"]) for row in rows]
