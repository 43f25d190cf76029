"""Results in the words of a page: sentences, the rows of a table, and the plot."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from services.records.clinical_facts.domain.values import FactTime, Quantity
from services.records.results.domain.points import ResultPoint
from services.records.results.domain.series import Line, in_unit
from services.records.results.domain.values_in_words import words_of
from shared.terminology.units import Unit
from shared.web.formats import FORMATS
from shared.web.languages import Language
from shared.web.plot import PlotPoint, PlotTexts, plot

MOST_ROWS: Final = 200
"""Rows of a table, the newest ones."""
_POWERS: Final = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class RowView:
    """A row of the table. `tag`: the key of a text, where the value is outside of its range."""

    day: str
    value: str
    tag: str | None
    reference: str
    laboratory: str
    document_id: UUID
    title: str | None


@dataclass(frozen=True, slots=True)
class LineView:
    """A line of results. `cautions`: keys of texts; `plot`: an SVG, empty with fewer than two plotted points."""

    unit: str
    place: str
    sentences: list[str]
    cautions: list[str]
    plot: str
    has_band: bool
    rows: list[RowView]
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Bounds:
    """The laboratory's own range of a result, in the unit of the line."""

    low: Decimal | None = None
    high: Decimal | None = None

    def place_of(self, number: Decimal | None) -> str | None:
        """Returns within, above or below; None where the number or the range is not known."""
        if number is None or (self.low is None and self.high is None):
            return None
        if self.low is not None and number < self.low:
            return "below"
        return "above" if self.high is not None and number > self.high else "within"


class ResultWords:
    """Writes results in a language. `t`: gives the texts of the pages by their keys."""

    def __init__(self, language: Language, t: Callable[..., str]) -> None:
        self.language, self._t, self._formats = language, t, FORMATS[language]

    def line(self, line: Line, name: str) -> LineView:
        """Returns a line in words."""
        plotted = [point for point in line.points if point.is_plotted]
        bounds = bounds_of(plotted[0], line.unit) if plotted else Bounds()
        return LineView(
            unit=_unit(line.shown_unit or ""),
            place=", ".join(line.key.place),
            sentences=self._sentences(line),
            cautions=[f"results.differ-{difference}" for difference in line.differences],
            plot=self._plot(line, plotted[::-1], bounds, name) if len(plotted) > 1 else "",
            has_band=bounds != Bounds(),
            rows=[self._row(point, line.unit) for point in line.points[:MOST_ROWS]],
            is_cut=len(line.points) > MOST_ROWS,
        )

    def value(self, point: ResultPoint) -> str:
        """Returns the value of a result as its author wrote it, with the decimal sign of the language."""
        if point.fact.negated:
            return self._t("results.not-done")
        value = point.quantity if point.is_translated else point.fact.value
        if value is None:
            return "–"
        text = words_of(value)
        if not isinstance(value, Quantity):
            return text
        number, _, unit = text.partition(" ")
        return f"{self._decimal(number)} {_unit(unit)}".strip()

    def day(self, time: FactTime | None) -> str:
        """Returns the day of a result, as precise as it is known; empty where it is not."""
        first = time.first if time is not None else None
        if first is None:
            return (time.words or "") if time is not None else ""
        match len(first):
            case 4:
                return first
            case 7:
                return self._formats["day"](date.fromisoformat(f"{first}-01")).partition(" ")[2]
            case _:
                return self._formats["day"](date.fromisoformat(first[:10]))

    def _decimal(self, text: str) -> str:
        return text.replace(".", ",") if self.language == "fr" else text

    def _number(self, number: Decimal) -> str:
        return self._decimal(f"{number.normalize():f}")

    def _sentences(self, line: Line) -> list[str]:
        newest, t = line.points[0], self._t
        value, day = self.value(newest), self.day(newest.time)
        sentences = [t("results.latest", value=value, day=day) if day else t("results.latest-undated", value=value)]
        if newest.is_plotted:
            if line.trend is not None:
                sentences.append(t(f"results.trend-{line.trend}"))
            place = bounds_of(newest, line.unit).place_of(newest.number)
            if place is not None:
                sentences.append(t(f"results.{place}"))
        return sentences

    def _row(self, point: ResultPoint, unit: Unit | None) -> RowView:
        bounds, source = bounds_of(point, unit), point.results[0].source
        place = bounds.place_of(point.number) if point.is_plotted else None
        return RowView(
            day=self.day(point.time),
            value=self.value(point),
            tag=f"results.tag-{place}" if place in ("above", "below") else None,
            reference=self._reference(point, bounds),
            laboratory=point.laboratory or "",
            document_id=source.document_id,
            title=source.title,
        )

    def _reference(self, point: ResultPoint, bounds: Bounds) -> str:
        match bounds:
            case Bounds(None, None):
                return next((reference.text for reference in point.fact.ranges if reference.text), "")
            case Bounds(Decimal() as low, Decimal() as high):
                return f"{self._number(low)} – {self._number(high)}"
            case Bounds(Decimal() as low, None):
                return f"≥ {self._number(low)}"
            case _:
                return f"≤ {self._number(bounds.high or Decimal())}"

    def _plot(self, line: Line, points: list[ResultPoint], bounds: Bounds, name: str) -> str:
        marks = [
            PlotPoint(
                point.instant,
                float(point.number or 0),
                bounds_of(point, line.unit).place_of(point.number) in ("above", "below"),
            )
            for point in points
        ]
        numbers = [point.number for point in points if point.number is not None]
        ticks = [bound for bound in (bounds.low, bounds.high) if bound is not None] + [max(numbers), min(numbers)]
        texts = PlotTexts(
            title=self._t("results.plot", name=name, n=len(points), unit=_unit(line.shown_unit or "")),
            first=self.day(points[0].time),
            last=self.day(points[-1].time),
            ticks=[(float(tick), self._number(tick)) for tick in ticks],
        )
        low, high = (float(bound) if bound is not None else None for bound in (bounds.low, bounds.high))
        return plot(marks, low, high, texts)


def bounds_of(point: ResultPoint, unit: Unit | None) -> Bounds:
    """Returns the first range of reference of a result that can be stated in the unit of its line."""
    for reference in point.fact.ranges:
        if reference.range is not None:
            low, high = (
                in_unit(bound, unit) if bound is not None else None
                for bound in (reference.range.low, reference.range.high)
            )
            if low is not None or high is not None:
                return Bounds(low, high)
    return Bounds()


def _unit(text: str) -> str:
    """Returns a unit of UCUM as people write it: `10*9/L` as 10⁹/L."""
    head, star, rest = text.partition("10*")
    if not star:
        return text
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{head}10{digits.translate(_POWERS)}{rest[len(digits) :]}"
