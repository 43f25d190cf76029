"""Series of values over time, and their trend. Nothing is judged: no normal range, no advice.

A body mass index is computed here from a weight and the newest height before it, each time it is shown, so that it
never outlives them and never tells of one that the reader does not see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

from services.records.measures.domain.measures import Measure, StoredMeasure
from shared.moments import FRANCE
from shared.terminology.measures import (
    BLOOD_PRESSURE,
    BODY_MASS_INDEX,
    DIASTOLIC,
    HEIGHT,
    SYSTOLIC,
    WEIGHT,
    measure_types,
)

HEIGHT_OF_CHILD: Final = timedelta(days=90)
"""How old the height of a minor may be for a body mass index: children grow."""
_SOURCES: Final = {
    BODY_MASS_INDEX: (WEIGHT, HEIGHT),
    SYSTOLIC: (BLOOD_PRESSURE,),
    DIASTOLIC: (BLOOD_PRESSURE,),
}


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a moment, and the measure that it comes from."""

    at: datetime
    value: Decimal
    measure_id: UUID


@dataclass(frozen=True, slots=True)
class Trend:
    """The first and the last value of a period, their number, and how much the last differs from the first."""

    code: str
    count: int
    first: Point
    last: Point

    @property
    def change(self) -> Decimal:
        """The last value minus the first."""
        return self.last.value - self.first.value


def source_codes(code: str | None) -> tuple[str, ...] | None:
    """Returns the measures that a code rests on: itself, or those that it is derived from. None: all."""
    return None if code is None else _SOURCES.get(code, (code,))


def series_of(code: str, measures: Iterable[StoredMeasure], *, is_minor: bool) -> list[Point]:
    """Returns the values of a code, oldest first."""
    if code == BODY_MASS_INDEX:
        return _body_mass_indexes(list(measures), is_minor=is_minor)
    points = [
        Point(stored.measure.measured_at, number, stored.id)
        for stored in measures
        for kind, number in stored.measure.parts()
        if kind.code == code
    ]
    return sorted(points, key=_order)


def trends_of(
    code: str | None, measures: Sequence[StoredMeasure], first_day: date | None, *, is_minor: bool
) -> list[Trend]:
    """Returns the trend of the code, or of every code that has values; a blood pressure has one for each pressure.

    `first_day`: the first day of the period. Earlier measures, such as an adult's height, only serve to compute.
    """
    points: dict[str, list[Point]] = {each: [] for each in _trend_codes(code)}
    for stored in measures:
        for kind, number in stored.measure.parts():
            if kind.code in points:
                points[kind.code].append(Point(stored.measure.measured_at, number, stored.id))
    if BODY_MASS_INDEX in points:
        points[BODY_MASS_INDEX] = _body_mass_indexes(measures, is_minor=is_minor)
    in_period = {
        each: [point for point in series if is_since(point, first_day)] for each, series in points.items() if series
    }
    return [
        Trend(each, len(series), min(series, key=_order), max(series, key=_order))
        for each, series in in_period.items()
        if series
    ]


def _trend_codes(code: str | None) -> tuple[str, ...]:
    if code is None:
        return tuple(each for each in measure_types() if each != BLOOD_PRESSURE)
    return (SYSTOLIC, DIASTOLIC) if code == BLOOD_PRESSURE else (code,)


def _body_mass_indexes(measures: Sequence[StoredMeasure], *, is_minor: bool) -> list[Point]:
    heights = sorted((stored.measure for stored in measures if stored.measure.code == HEIGHT), key=_measured_at)
    points = []
    for stored in measures:
        weight = stored.measure
        if weight.code != WEIGHT or weight.value is None:
            continue
        height = next((each for each in reversed(heights) if each.day <= weight.day), None)
        if height is None or height.value is None or (is_minor and weight.day - height.day > HEIGHT_OF_CHILD):
            continue
        points.append(Point(weight.measured_at, _index(weight.value, height.value), stored.id))
    return sorted(points, key=_order)


def _index(kilograms: Decimal, centimetres: Decimal) -> Decimal:
    return (kilograms / (centimetres / 100) ** 2).quantize(Decimal("0.1"), ROUND_HALF_UP)


def _measured_at(measure: Measure) -> datetime:
    return measure.measured_at


def _order(point: Point) -> tuple[datetime, UUID]:
    return point.at, point.measure_id


def is_since(point: Point, first_day: date | None) -> bool:
    """Returns whether the point is of this day or a later one, in French time."""
    return first_day is None or point.at.astimezone(FRANCE).date() >= first_day
