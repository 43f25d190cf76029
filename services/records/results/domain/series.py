"""Lines of results over time: an analysis in a dimension, at a place of the body.

Units of one dimension are converted into the unit of the line's newest result. A mass becomes an amount of substance
only where the laboratory itself translated that result. What has no unit of the table stands as written, on a line of
its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, NamedTuple

from services.records.clinical_facts.domain.model import ClinicalFact
from services.records.clinical_facts.domain.values import Quantity
from services.records.results.domain.points import (
    Analysis,
    ReadableResult,
    ResultPoint,
    analysis_of,
    number_of,
    points_of,
)
from shared.terminology.units import Unit, convert, unit_of
from shared.values import RedactedRepr

Trend = Literal["rising", "falling", "equal"]
Difference = Literal["laboratory", "method", "specimen"]


class LineKey(NamedTuple):
    """What the points of a line have in common.

    `dimension`: of their units; None where the table does not have the unit, which then is `written`, and for values in
    words and codes (`is_words`). `place`: sites and side of the body.
    """

    dimension: str | None
    written: str | None
    is_words: bool
    place: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Line(RedactedRepr):
    """A line, its points newest first. `unit`: in which their numbers are; None where units are as written."""

    key: LineKey
    unit: Unit | None
    points: tuple[ResultPoint, ...]

    @property
    def shown_unit(self) -> str | None:
        """The unit of the line: in UCUM where the table has it, else as written; None for numbers without a unit."""
        return self.unit.ucum if self.unit is not None else self.key.written

    @property
    def trend(self) -> Trend | None:
        """How the newest plotted point differs from the one before it; None with fewer than two."""
        numbers = [point.number for point in self.points if point.is_plotted and point.number is not None][:2]
        if len(numbers) < 2:
            return None
        newest, former = numbers
        if newest == former:
            return "equal"
        return "rising" if newest > former else "falling"

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What is not the same for all points that state it: such results may not be comparable."""
        stated: dict[Difference, set[str]] = {"laboratory": set(), "method": set(), "specimen": set()}
        for point in self.points:
            kind = point.fact.specimen.kind if point.fact.specimen is not None else None
            method = point.fact.method
            stated["laboratory"].add(point.laboratory or "")
            stated["method"].add((method.label if method is not None else None) or "")
            stated["specimen"].add((kind.label if kind is not None else None) or "")
        return tuple(name for name, labels in stated.items() if len(labels - {""}) > 1)


@dataclass(frozen=True, slots=True, repr=False)
class AnalysisResults(RedactedRepr):
    """All results of an analysis, as lines: first the line of the newest result."""

    analysis: Analysis
    lines: tuple[Line, ...]

    @property
    def points(self) -> int:
        """The number of results."""
        return sum(len(line.points) for line in self.lines)

    @property
    def newest(self) -> ResultPoint:
        """The newest result."""
        return self.lines[0].points[0]


def results_by_analysis(results: Iterable[ReadableResult]) -> list[AnalysisResults]:
    """Returns the results of each analysis that has a code, that with the newest result first."""
    by_analysis: dict[Analysis, list[ReadableResult]] = {}
    for result in results:
        analysis = analysis_of(result.fact)
        if analysis is not None:
            by_analysis.setdefault(analysis, []).append(result)
    by_lines = [(analysis, lines_of(of_analysis)) for analysis, of_analysis in by_analysis.items()]
    grouped = [AnalysisResults(analysis, lines) for analysis, lines in by_lines if lines]
    return sorted(grouped, key=lambda each: each.newest.order, reverse=True)


def lines_of(results: Iterable[ReadableResult]) -> tuple[Line, ...]:
    """Returns the lines of the results of one analysis, that of the newest result first."""
    points = points_of(results)
    main = _main_dimension(points)
    by_key: dict[LineKey, list[ResultPoint]] = {}
    for point in points:
        placed = _translated(point, main) or point
        by_key.setdefault(_key(placed), []).append(placed)
    return tuple(_line(key, of_key) for key, of_key in by_key.items())


def in_unit(quantity: Quantity, unit: Unit | None) -> Decimal | None:
    """Returns the number of a quantity in a unit; with None as it is written."""
    number = number_of(quantity)
    if number is None or unit is None:
        return number
    own = unit_of(quantity.unit)
    return convert(number, own, unit) if own is not None else None


def _main_dimension(points: Sequence[ResultPoint]) -> str | None:
    """Returns the dimension of the newest result that has one."""
    dimensions = (_dimension(point.quantity) for point in points if point.quantity is not None)
    return next((dimension for dimension in dimensions if dimension is not None), None)


def _translated(point: ResultPoint, main: str | None) -> ResultPoint | None:
    """Returns the point by its laboratory's own translation into the main dimension; None where it needs none."""
    quantity = point.quantity
    if quantity is None or main is None or _dimension(quantity) == main:
        return None
    translation = next((other for other in quantity.translations if _dimension(other) == main), None)
    if translation is None:
        return None
    same = Quantity(translation.value, translation.unit, translation.comparator or quantity.comparator)
    return replace(point, quantity=same, is_translated=True)


def _key(point: ResultPoint) -> LineKey:
    quantity, place = point.quantity, _place(point.fact)
    if quantity is None:
        return LineKey(None, None, True, place)
    dimension = _dimension(quantity)
    return LineKey(dimension, None if dimension is not None else quantity.unit, False, place)


def _place(fact: ClinicalFact) -> tuple[str, ...]:
    sites = [site.label for site in (*fact.site, fact.side) if site is not None]
    return tuple(dict.fromkeys(label for label in sites if label is not None))


def _line(key: LineKey, points: Sequence[ResultPoint]) -> Line:
    unit = None
    if key.dimension is not None:
        natives = [point for point in points if not point.is_translated] or points
        newest = natives[0].quantity
        unit = unit_of(newest.unit) if newest is not None else None
    numbered = (
        replace(point, number=in_unit(point.quantity, unit)) if point.quantity is not None else point
        for point in points
    )
    return Line(key, unit, tuple(numbered))


def _dimension(quantity: Quantity | None) -> str | None:
    unit = unit_of(quantity.unit) if quantity is not None else None
    return unit.dimension if unit is not None else None
